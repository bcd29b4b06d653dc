import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * What kafka-interop.ts does with Kafka's own Java clients, as a program of one file:
 *
 *   write BOOTSTRAP            makes the topics of the fixtures and writes their records
 *   read BOOTSTRAP TOPIC COUNT prints COUNT records from the beginning, one per line, as a client
 *                              that reads committed records alone
 *   append BOOTSTRAP TOPIC     appends one record and prints its offset
 */
public class KafkaClients {
    private static final long TIME = 1_700_000_000_000L;
    private static final List<String> CODECS = List.of("none", "gzip", "snappy", "lz4", "zstd");

    private final String bootstrap;

    private KafkaClients(String bootstrap) {
        this.bootstrap = bootstrap;
    }

    public static void main(String[] args) throws Exception {
        KafkaClients clients = new KafkaClients(args[1]);
        switch (args[0]) {
            case "write" -> clients.write();
            case "read" -> clients.read(args[2], Integer.parseInt(args[3]));
            case "append" -> clients.append(args[2]);
            default -> throw new IllegalArgumentException(args[0]);
        }
        // A producer whose transaction stays open must not end it on its way out.
        Runtime.getRuntime().halt(0);
    }

    private void write() throws Exception {
        createTopics();
        for (String codec : CODECS) writeCodec(codec);
        writeTransactions();
        writeCompacted();
    }

    private void createTopics() throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            List<NewTopic> topics = new ArrayList<>();
            List<String> names = new ArrayList<>(List.of("transactions", "orders"));
            for (String codec : CODECS) names.add("codec-" + codec);
            // The fixtures' records are old: nothing of them may be deleted.
            Map<String, String> configs = Map.of("retention.ms", "-1");
            for (String name : names) topics.add(new NewTopic(name, 1, (short) 1).configs(configs));
            topics.add(new NewTopic("compacted", 1, (short) 1).configs(Map.of(
                "retention.ms", "-1",
                "cleanup.policy", "compact",
                "min.cleanable.dirty.ratio", "0",
                "file.delete.delay.ms", "0",
                "internal.segment.bytes", "700")));
            admin.createTopics(topics).all().get();
        }
    }

    /** Two batches: one of three small records, one of 300 kB before it is compressed. */
    private void writeCodec(String codec) throws Exception {
        String topic = "codec-" + codec;
        try (KafkaProducer<String, String> producer = producer(Map.of("compression.type", codec))) {
            for (int i = 0; i < 3; i++) {
                ProducerRecord<String, String> record = new ProducerRecord<>(
                    topic, 0, TIME + i, "k" + i, "{\"codec\":\"" + codec + "\",\"number\":" + i + "}");
                record.headers().add("trace", ("t-" + i).getBytes(StandardCharsets.UTF_8));
                producer.send(record);
            }
            producer.flush();
            if (codec.equals("none")) return;
            for (int i = 3; i < 6; i++) {
                String value = (codec + " " + i + " ").repeat(100_000 / (codec.length() + 3));
                producer.send(new ProducerRecord<>(topic, 0, TIME + i, "k" + i, value));
            }
            producer.flush();
        }
    }

    /** Transactions that were committed, aborted, interleaved and left open, with records between. */
    private void writeTransactions() throws Exception {
        KafkaProducer<String, String> plain = producer(Map.of());
        KafkaProducer<String, String> one = transactional("one", "none");
        KafkaProducer<String, String> two = transactional("two", "lz4");
        KafkaProducer<String, String> open = transactional("open", "none");
        send(plain, "a", "plain 1");
        one.beginTransaction();
        two.beginTransaction();
        send(one, "a", "aborted 1");
        send(two, "b", "committed 1");
        send(one, "c", "aborted 2");
        send(plain, "d", "plain 2");
        one.abortTransaction();
        send(two, "e", "committed 2");
        two.commitTransaction();
        one.beginTransaction();
        send(one, "a", "committed 3");
        one.commitTransaction();
        two.beginTransaction();
        send(two, "b", "aborted 3");
        send(two, "e", "aborted 4");
        two.abortTransaction();
        open.beginTransaction();
        send(open, "d", "open 1");
        send(plain, "f", "plain 3");
    }

    /**
     * Writes keys again and again, and waits until the cleaner has been through: records are missing in
     * the middle and at the end of batches, batches are missing between others and at the end of a
     * segment, and one producer's last batch stays without records.
     */
    private void writeCompacted() throws Exception {
        KafkaProducer<String, String> one = producer(Map.of());
        compactedBatch(one, "a 0", "b 1", "c 2", "d 3");
        compactedBatch(one, "a 4");
        compactedBatch(one, "e 5");
        compactedBatch(one, "f 6", "b 7");
        compactedBatch(producer(Map.of()), "g 8");
        for (int i = 9; i < 15; i++) compactedBatch(one, "h " + i);
        compactedBatch(one, "d 15", "a 16", "g 17");
        compactedBatch(one, "i 18", "f 19");
        for (int i = 20; i < 30; i++) compactedBatch(one, "j " + i, "k" + " " + i);
        awaitCompaction();
    }

    /** One batch of records, each given as its key, a space and the start of its value. */
    private void compactedBatch(KafkaProducer<String, String> producer, String... records) {
        for (String record : records) {
            String key = record.substring(0, record.indexOf(' '));
            String value = record + " ".repeat(40);
            producer.send(new ProducerRecord<>("compacted", 0, TIME, key, value));
        }
        producer.flush();
    }

    /** Waits until the records of key j that are not in the newest segments are one. */
    private void awaitCompaction() throws Exception {
        long deadline = System.currentTimeMillis() + 60_000;
        int kept = Integer.MAX_VALUE;
        while (kept > 5) {
            if (System.currentTimeMillis() > deadline) throw new Exception("no compaction: " + kept);
            kept = 0;
            for (ConsumerRecord<String, String> r : consumed("compacted", 29)) {
                if (r.key().equals("j") || r.key().equals("h")) kept++;
            }
        }
    }

    /** The records of a topic up to one with this offset or a greater one. */
    private List<ConsumerRecord<String, String>> consumed(String topic, long lastOffset) {
        List<ConsumerRecord<String, String>> records = new ArrayList<>();
        Properties config = new Properties();
        config.put("bootstrap.servers", bootstrap);
        StringDeserializer text = new StringDeserializer();
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(config, text, text)) {
            TopicPartition partition = new TopicPartition(topic, 0);
            consumer.assign(List.of(partition));
            consumer.seekToBeginning(List.of(partition));
            while (consumer.position(partition) <= lastOffset) {
                consumer.poll(Duration.ofMillis(500)).forEach(records::add);
            }
        }
        return records;
    }

    private void send(KafkaProducer<String, String> producer, String key, String value)
            throws Exception {
        producer.send(new ProducerRecord<>("transactions", 0, TIME, key, value)).get();
    }

    private void read(String topic, int count) {
        Properties config = new Properties();
        config.put("bootstrap.servers", bootstrap);
        config.put("isolation.level", "read_committed");
        config.put("auto.offset.reset", "earliest");
        StringDeserializer text = new StringDeserializer();
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(config, text, text)) {
            TopicPartition partition = new TopicPartition(topic, 0);
            consumer.assign(List.of(partition));
            consumer.seekToBeginning(List.of(partition));
            int seen = 0;
            long deadline = System.currentTimeMillis() + 60_000;
            while (seen < count && System.currentTimeMillis() < deadline) {
                for (ConsumerRecord<String, String> r : consumer.poll(Duration.ofMillis(500))) {
                    System.out.println(r.offset() + " " + r.key() + "=" + r.value());
                    seen++;
                }
            }
        }
    }

    private void append(String topic) throws Exception {
        try (KafkaProducer<String, String> producer = producer(Map.of())) {
            System.out.println(
                producer.send(new ProducerRecord<>(topic, 0, "k", "from Kafka")).get().offset());
        }
    }

    private KafkaProducer<String, String> transactional(String id, String codec) {
        KafkaProducer<String, String> producer =
            producer(Map.of("transactional.id", id, "compression.type", codec));
        producer.initTransactions();
        return producer;
    }

    private KafkaProducer<String, String> producer(Map<String, Object> config) {
        Properties all = new Properties();
        all.put("bootstrap.servers", bootstrap);
        all.put("linger.ms", "500");
        all.put("batch.size", "500000");
        all.put("transaction.timeout.ms", "600000");
        all.putAll(config);
        return new KafkaProducer<>(all, new StringSerializer(), new StringSerializer());
    }
}
