// Command flow is what a user of the generated Go client writes; it prints what the gateway answered
// as JSON.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"time"

	sluice "example.com/clients/sluice"
)

func must[T any](value T, err error) T {
	if err != nil {
		var failure *sluice.GenericOpenAPIError
		if errors.As(err, &failure) {
			os.Stderr.Write(failure.Body())
		}
		panic(err)
	}
	return value
}

// untilPollWaits waits until the gateway has a request that waits for records.
func untilPollWaits(url string) {
	waiting := regexp.MustCompile(`(?m)^sluice_http_long_polls [1-9]`)
	for {
		answer := must(http.Get(url + "/metrics"))
		metrics := must(io.ReadAll(answer.Body))
		answer.Body.Close()
		if waiting.Match(metrics) {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func content(file *os.File) []byte {
	must(file.Seek(0, io.SeekStart))
	return must(io.ReadAll(file))
}

func main() {
	topic := os.Args[2]
	configuration := sluice.NewConfiguration()
	configuration.Servers = sluice.ServerConfigurations{{URL: os.Args[1]}}
	client := sluice.NewAPIClient(configuration)
	ctx := context.Background()

	create := sluice.NewCreateTopic(topic)
	create.SetPartitions(2)
	retention := "86400000"
	configs := sluice.NewConfigsToSet()
	configs.SetRetentionMs(sluice.ConfigValue{String: &retention})
	create.SetConfigs(*configs)
	created, _, err := client.TopicsAPI.CreateTopic(ctx).CreateTopic(*create).Execute()
	must(created, err)

	first := sluice.NewRecordToProduce()
	first.SetKey("ada")
	first.SetValue(map[string]any{"item": "tea"})
	first.SetPartition(0)
	header := sluice.NewRecordHeader("trace")
	header.SetValue("7f1c")
	first.SetHeaders([]sluice.RecordHeader{*header})
	second := sluice.NewRecordToProduce()
	second.SetValueBase64("3q2+7w==")
	second.SetPartition(0)
	batch := sluice.NewRecordsToProduce([]sluice.RecordToProduce{*first, *second})
	produced, _, err := client.RecordsAPI.Produce(ctx, topic).RecordsToProduce(*batch).Execute()
	must(produced, err)

	file := must(os.CreateTemp("", "sluice-value"))
	defer os.Remove(file.Name())
	must(file.Write([]byte{0, 1, 2, 255}))
	must(file.Seek(0, io.SeekStart))
	raw, _, err := client.RecordsAPI.ProduceValue(ctx, topic).Body(file).Partition(1).Key("raw").Execute()
	must(raw, err)
	lines, _, err := client.RecordsAPI.ProduceLines(ctx, topic).
		Body("{\"value\": 1}\n{\"value\": 2}\n").Partition(1).Execute()
	must(lines, err)
	fetched, _, err := client.RecordsAPI.Fetch(ctx, topic, 0).From("earliest").Execute()
	must(fetched, err)
	value, _, err := client.RecordsAPI.FetchValue(ctx, topic, 1).Offset(0).Execute()
	must(value, err)
	streamed, _, err := client.RecordsAPI.FetchLines(ctx, topic, 1).Offset(1).Limit(2).Execute()
	must(streamed, err)

	go func() {
		untilPollWaits(os.Args[1])
		late := sluice.NewRecordToProduce()
		late.SetValue("late")
		late.SetPartition(0)
		body := sluice.NewRecordsToProduce([]sluice.RecordToProduce{*late})
		answer, _, err := client.RecordsAPI.Produce(ctx, topic).RecordsToProduce(*body).Execute()
		must(answer, err)
	}()
	polled, _, err := client.RecordsAPI.Fetch(ctx, topic, 0).
		Offset(fetched.GetNextOffset()).WaitMs(20000).Execute()
	must(polled, err)

	entry := sluice.NewOffsetToCommit(topic, 0, 2)
	entry.SetMetadata("m")
	commit := sluice.NewCommitOffsets([]sluice.OffsetToCommit{*entry})
	committed, _, err := client.GroupsAPI.CommitOffsets(ctx, "go").CommitOffsets(*commit).Execute()
	must(committed, err)
	offsets, _, err := client.GroupsAPI.CommittedOffsets(ctx, "go").Topic(topic).Execute()
	must(offsets, err)

	_, _, err = client.RecordsAPI.Fetch(ctx, topic, 0).Offset(1000).Execute()
	var failure *sluice.GenericOpenAPIError
	if !errors.As(err, &failure) {
		panic("a fetch beyond the end did not fail as the client's own error")
	}
	problem := failure.Model().(sluice.Problem)

	records := fetched.GetRecords()
	configsNow := created.GetConfigs()
	values := []any{}
	for _, record := range polled.GetRecords() {
		values = append(values, record.GetValue())
	}
	places := []int64{}
	for _, place := range produced.GetOffsets() {
		places = append(places, place.GetOffset())
	}
	bytes := []int{}
	for _, each := range content(value) {
		bytes = append(bytes, int(each))
	}
	lineCount := func(file *os.File) int { return strings.Count(string(content(file)), "\n") }
	json.NewEncoder(os.Stdout).Encode(map[string]any{
		"partitions":    len(created.GetPartitions()),
		"retentionMs":   configsNow.GetRetentionMs(),
		"produced":      places,
		"raw":           []int64{raw.GetOffsets()[0].GetOffset()},
		"lines":         lineCount(lines),
		"key":           records[0].GetKey(),
		"value":         records[0].GetValue(),
		"header":        records[0].GetHeaders()[0].GetValue(),
		"binary":        records[1].GetValueBase64(),
		"rawValue":      bytes,
		"streamed":      lineCount(streamed),
		"polled":        values,
		"committed":     committed.GetOffsets()[0].GetOffset(),
		"offset":        offsets.GetOffsets()[0].GetOffset(),
		"lag":           offsets.GetOffsets()[0].GetLag(),
		"code":          problem.GetCode(),
		"status":        problem.GetStatus(),
		"highWatermark": problem.GetHighWatermark(),
	})
}
