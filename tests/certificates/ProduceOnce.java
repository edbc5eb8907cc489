import java.io.FileReader;
import java.util.Properties;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

/** Test only: ProduceOnce FILE TOPIC VALUE. Nothing but the file says how to connect. */
public class ProduceOnce {
    public static void main(String[] args) throws Exception {
        Properties properties = new Properties();
        properties.load(new FileReader(args[0]));
        properties.put("max.block.ms", "15000");
        try (KafkaProducer<String, String> producer =
                new KafkaProducer<>(properties, new StringSerializer(), new StringSerializer())) {
            producer.send(new ProducerRecord<>(args[1], "java", args[2])).get(20, TimeUnit.SECONDS);
        }
        System.out.println("delivered");
    }
}
