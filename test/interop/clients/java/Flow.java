import com.google.gson.Gson;
import java.io.File;
import java.io.InputStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.openapitools.client.ApiClient;
import org.openapitools.client.ApiException;
import org.openapitools.client.JSON;
import org.openapitools.client.api.GroupsApi;
import org.openapitools.client.api.RecordsApi;
import org.openapitools.client.api.TopicsApi;
import org.openapitools.client.model.CommitOffsets;
import org.openapitools.client.model.CommittedList;
import org.openapitools.client.model.CommittedOffsets;
import org.openapitools.client.model.ConfigValue;
import org.openapitools.client.model.ConfigsToSet;
import org.openapitools.client.model.CreateTopic;
import org.openapitools.client.model.FetchedRecord;
import org.openapitools.client.model.FetchedRecords;
import org.openapitools.client.model.OffsetToCommit;
import org.openapitools.client.model.Problem;
import org.openapitools.client.model.ProducedOffset;
import org.openapitools.client.model.ProducedOffsets;
import org.openapitools.client.model.RecordHeader;
import org.openapitools.client.model.RecordToProduce;
import org.openapitools.client.model.RecordsToProduce;
import org.openapitools.client.model.Topic;

/** What a user of the generated Java client writes; prints what the gateway answered as JSON. */
public final class Flow {
  public static void main(String[] arguments) throws Exception {
    String topic = arguments[1];
    ApiClient client = new ApiClient();
    client.setBasePath(arguments[0]);
    // A long poll takes longer than the client waits for an answer unless it is told so.
    client.setReadTimeout(30_000);
    TopicsApi topics = new TopicsApi(client);
    RecordsApi records = new RecordsApi(client);
    GroupsApi groups = new GroupsApi(client);

    Topic created =
        topics.createTopic(
            new CreateTopic()
                .name(topic)
                .partitions(2)
                .configs(new ConfigsToSet().retentionMs(new ConfigValue("86400000"))));
    RecordToProduce first =
        new RecordToProduce()
            .key("ada")
            .value(Map.of("item", "tea"))
            .partition(0)
            .headers(List.of(new RecordHeader().key("trace").value("7f1c")));
    RecordToProduce second = new RecordToProduce().valueBase64("3q2+7w==").partition(0);
    ProducedOffsets produced = produce(records, topic, first, second);

    File file = File.createTempFile("sluice", "value");
    file.deleteOnExit();
    Files.write(file.toPath(), new byte[] {0, 1, 2, (byte) 255});
    ProducedOffsets raw =
        records.produceValue(topic, file, null, null, null, 1, "raw", null, null, null, null);
    String text = "{\"value\": 1}\n{\"value\": 2}\n";
    File lines =
        records.produceLines(
            topic, text, null, null, null, 1, null, null, null, null, null, null, null);
    FetchedRecords fetched =
        records.fetch(topic, 0, null, "earliest", null, null, null, null, null, null, null);
    File value = records.fetchValue(topic, 1, 0L, null, null, null, null, null);
    File streamed =
        records.fetchLines(topic, 1, 1L, null, null, null, 2, null, null, null, null, null);

    Thread later =
        new Thread(
            () -> {
              try {
                untilPollWaits(arguments[0]);
                produce(records, topic, new RecordToProduce().value("late").partition(0));
              } catch (Exception error) {
                throw new IllegalStateException(error);
              }
            });
    later.start();
    FetchedRecords polled =
        records.fetch(
            topic, 0, fetched.getNextOffset(), null, null, null, null, null, 20000, null, null);
    later.join();
    OffsetToCommit entry = new OffsetToCommit().topic(topic).partition(0).offset(2L).metadata("m");
    CommittedList committed = groups.commitOffsets("java", new CommitOffsets().addOffsetsItem(entry));
    CommittedOffsets offsets = groups.committedOffsets("java", topic);

    Problem problem = null;
    Gson gson = JSON.getGson();
    try {
      records.fetch(topic, 0, 1000L, null, null, null, null, null, null, null, null);
    } catch (ApiException error) {
      problem = gson.fromJson(error.getResponseBody(), Problem.class);
    }

    List<FetchedRecord> found = fetched.getRecords();
    List<Integer> bytes = new ArrayList<>();
    for (byte each : Files.readAllBytes(value.toPath())) bytes.add(each & 255);
    Map<String, Object> answer = new LinkedHashMap<>();
    answer.put("partitions", created.getPartitions().size());
    answer.put("retentionMs", created.getConfigs().getRetentionMs());
    answer.put("produced", produced.getOffsets().stream().map(ProducedOffset::getOffset).toList());
    answer.put("raw", raw.getOffsets().stream().map(ProducedOffset::getOffset).toList());
    answer.put("lines", Files.readAllLines(lines.toPath()).size());
    answer.put("key", found.get(0).getKey());
    answer.put("value", found.get(0).getValue());
    answer.put("header", found.get(0).getHeaders().get(0).getValue());
    answer.put("binary", found.get(1).getValueBase64());
    answer.put("rawValue", bytes);
    answer.put("streamed", Files.readAllLines(streamed.toPath()).size());
    answer.put("polled", polled.getRecords().stream().map(FetchedRecord::getValue).toList());
    answer.put("committed", committed.getOffsets().get(0).getOffset());
    answer.put("offset", offsets.getOffsets().get(0).getOffset());
    answer.put("lag", offsets.getOffsets().get(0).getLag());
    answer.put("code", problem.getCode().getValue());
    answer.put("status", problem.getStatus());
    answer.put("highWatermark", problem.getHighWatermark());
    System.out.println(gson.toJson(answer));
  }

  /** Waits until the gateway has a request that waits for records. */
  private static void untilPollWaits(String url) throws Exception {
    Pattern waiting = Pattern.compile("^sluice_http_long_polls [1-9]", Pattern.MULTILINE);
    while (true) {
      try (InputStream answer = URI.create(url + "/metrics").toURL().openStream()) {
        String metrics = new String(answer.readAllBytes(), StandardCharsets.UTF_8);
        if (waiting.matcher(metrics).find()) return;
      }
      Thread.sleep(20);
    }
  }

  private static ProducedOffsets produce(RecordsApi api, String topic, RecordToProduce... records)
      throws ApiException {
    RecordsToProduce body = new RecordsToProduce().records(List.of(records));
    return api.produce(topic, body, null, null, null, null, null, null, null, null);
  }
}
