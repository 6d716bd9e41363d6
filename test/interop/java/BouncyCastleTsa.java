// A time-stamping server of Bouncy Castle's classes on the loopback: `java BouncyCastleTsa.java ROOT.pem`. Makes a CA and
// a TSU on P-384, writes the CA's certificate to ROOT.pem, prints its port, serves until it is ended.
import com.sun.net.httpserver.HttpServer;
import java.math.BigInteger;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.Security;
import java.security.spec.ECGenParameterSpec;
import java.util.Base64;
import java.util.Date;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicLong;
import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x509.BasicConstraints;
import org.bouncycastle.asn1.x509.ExtendedKeyUsage;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.KeyPurposeId;
import org.bouncycastle.asn1.x509.KeyUsage;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.jcajce.JcaX509ExtensionUtils;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.cms.jcajce.JcaSignerInfoGeneratorBuilder;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.operator.ContentSigner;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.bouncycastle.operator.jcajce.JcaDigestCalculatorProviderBuilder;
import org.bouncycastle.tsp.TSPAlgorithms;
import org.bouncycastle.tsp.TimeStampRequest;
import org.bouncycastle.tsp.TimeStampResponseGenerator;
import org.bouncycastle.tsp.TimeStampTokenGenerator;
import org.bouncycastle.util.CollectionStore;

public class BouncyCastleTsa {
  static final ASN1ObjectIdentifier POLICY = new ASN1ObjectIdentifier("1.2.3.4.7");
  static final long DAY = 86_400_000L;

  static X509CertificateHolder issue(String name, KeyPair key, X500Name issuer, KeyPair by, boolean tsu)
      throws Exception {
    Date now = new Date();
    JcaX509ExtensionUtils utils = new JcaX509ExtensionUtils();
    JcaX509v3CertificateBuilder builder =
        new JcaX509v3CertificateBuilder(
            issuer,
            BigInteger.valueOf(System.nanoTime()),
            new Date(now.getTime() - DAY),
            new Date(now.getTime() + 3000 * DAY),
            new X500Name(name),
            key.getPublic());
    builder.addExtension(Extension.basicConstraints, true, new BasicConstraints(!tsu));
    int usage = tsu ? KeyUsage.digitalSignature : KeyUsage.keyCertSign | KeyUsage.cRLSign;
    builder.addExtension(Extension.keyUsage, true, new KeyUsage(usage));
    builder.addExtension(
        Extension.subjectKeyIdentifier, false, utils.createSubjectKeyIdentifier(key.getPublic()));
    builder.addExtension(
        Extension.authorityKeyIdentifier, false, utils.createAuthorityKeyIdentifier(by.getPublic()));
    if (tsu)
      builder.addExtension(
          Extension.extendedKeyUsage, true, new ExtendedKeyUsage(KeyPurposeId.id_kp_timeStamping));
    ContentSigner signer = new JcaContentSignerBuilder("SHA384withECDSA").build(by.getPrivate());
    return builder.build(signer);
  }

  public static void main(String[] args) throws Exception {
    Security.addProvider(new BouncyCastleProvider());
    KeyPairGenerator keys = KeyPairGenerator.getInstance("EC");
    keys.initialize(new ECGenParameterSpec("secp384r1"));
    KeyPair caKey = keys.generateKeyPair();
    KeyPair tsuKey = keys.generateKeyPair();
    X500Name caName = new X500Name("CN=Bouncy Castle Root");
    X509CertificateHolder ca = issue("CN=Bouncy Castle Root", caKey, caName, caKey, false);
    X509CertificateHolder tsu = issue("CN=Bouncy Castle TSU", tsuKey, caName, caKey, true);
    String base64 = Base64.getMimeEncoder().encodeToString(ca.getEncoded());
    Files.writeString(
        Path.of(args[0]),
        "-----BEGIN CERTIFICATE-----\n" + base64 + "\n-----END CERTIFICATE-----\n");

    var digests = new JcaDigestCalculatorProviderBuilder().build();
    var signer = new JcaContentSignerBuilder("SHA384withECDSA").build(tsuKey.getPrivate());
    AtomicLong serial = new AtomicLong(System.currentTimeMillis());
    HttpServer server =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 50);
    server.setExecutor(Executors.newFixedThreadPool(4));
    server.createContext(
        "/",
        exchange -> {
          try (exchange) {
            TimeStampRequest request = new TimeStampRequest(exchange.getRequestBody().readAllBytes());
            var generator =
                new TimeStampTokenGenerator(
                    new JcaSignerInfoGeneratorBuilder(digests).build(signer, tsu),
                    digests.get(TspDigest.SHA256),
                    POLICY);
            generator.setAccuracySeconds(1);
            generator.addCertificates(new CollectionStore<>(List.of(tsu, ca)));
            var responses = new TimeStampResponseGenerator(generator, TSPAlgorithms.ALLOWED);
            byte[] answer =
                responses
                    .generate(request, BigInteger.valueOf(serial.incrementAndGet()), new Date())
                    .getEncoded();
            exchange.getResponseHeaders().set("Content-Type", "application/timestamp-reply");
            exchange.sendResponseHeaders(200, answer.length);
            exchange.getResponseBody().write(answer);
          } catch (Exception error) {
            throw new RuntimeException(error);
          }
        });
    server.start();
    System.out.println(server.getAddress().getPort());
  }

  static class TspDigest {
    static final org.bouncycastle.asn1.x509.AlgorithmIdentifier SHA256 =
        new org.bouncycastle.asn1.x509.AlgorithmIdentifier(TSPAlgorithms.SHA256);
  }
}
