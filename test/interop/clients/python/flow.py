"""What a user of the generated Python client writes; prints what the gateway answered as JSON."""

import base64
import json
import re
import sys
import threading
import time
import urllib.request

import sluice_client as sluice
from sluice_client.exceptions import ApiException

client = sluice.ApiClient(sluice.Configuration(host=sys.argv[1]))
topics, records, groups = sluice.TopicsApi(client), sluice.RecordsApi(client), sluice.GroupsApi(client)
TOPIC = sys.argv[2]

created = topics.create_topic(
    sluice.CreateTopic(
        name=TOPIC,
        partitions=2,
        configs=sluice.ConfigsToSet.from_dict({"retention.ms": "86400000"}),
    )
)
batch = sluice.RecordsToProduce(
    records=[
        sluice.RecordToProduce(
            key="ada",
            value={"item": "tea"},
            partition=0,
            headers=[sluice.RecordHeader(key="trace", value="7f1c")],
        ),
        sluice.RecordToProduce(
            value_base64=base64.b64encode(bytes([0xDE, 0xAD, 0xBE, 0xEF])).decode(), partition=0
        ),
    ]
)
produced = records.produce(TOPIC, batch)
raw = records.produce_value(TOPIC, bytes([0, 1, 2, 255]), partition=1, key="raw")
lines = records.produce_lines(TOPIC, '{"value": 1}\n{"value": 2}\n', partition=1)
fetched = records.fetch(TOPIC, 0, var_from="earliest")
value = records.fetch_value(TOPIC, 1, offset=0)
streamed = records.fetch_lines(TOPIC, 1, offset=1, limit=2)


def until_poll_waits():
    """Waits until the gateway has a request that waits for records."""
    while True:
        with urllib.request.urlopen(sys.argv[1] + "/metrics") as answer:
            if re.search(r"^sluice_http_long_polls [1-9]", answer.read().decode(), re.MULTILINE):
                return
        time.sleep(0.02)


def produce_later():
    until_poll_waits()
    sluice.RecordsApi(sluice.ApiClient(sluice.Configuration(host=sys.argv[1]))).produce(
        TOPIC,
        sluice.RecordsToProduce(records=[sluice.RecordToProduce(value="late", partition=0)]),
    )


threading.Thread(target=produce_later).start()
polled = records.fetch(TOPIC, 0, offset=fetched.next_offset, wait_ms=20000)
committed = groups.commit_offsets(
    "python",
    sluice.CommitOffsets(
        offsets=[sluice.OffsetToCommit(topic=TOPIC, partition=0, offset=2, metadata="m")]
    ),
)
offsets = groups.committed_offsets("python", topic=TOPIC)
try:
    records.fetch(TOPIC, 0, offset=1000)
    problem = None
except ApiException as error:
    problem = error.data or sluice.Problem.from_json(error.body)

print(
    json.dumps(
        {
            "partitions": len(created.partitions),
            "retentionMs": created.configs.retention_ms,
            "produced": [place.offset for place in produced.offsets],
            "raw": [place.offset for place in raw.offsets],
            "lines": len(lines.decode().splitlines()),
            "key": fetched.records[0].key,
            "value": fetched.records[0].value,
            "header": fetched.records[0].headers[0].value,
            "binary": fetched.records[1].value_base64,
            "rawValue": list(value),
            "streamed": len(streamed.decode().splitlines()),
            "polled": [record.value for record in polled.records],
            "committed": committed.offsets[0].offset,
            "offset": offsets.offsets[0].offset,
            "lag": offsets.offsets[0].lag,
            "code": problem.code,
            "status": problem.status,
            "highWatermark": problem.high_watermark,
        }
    )
)
