// Bouncy Castle and EU DSS as clients of a time-stamping server: `java Clients.java URL ROOT.pem`. Each asks with every
// digest, checks the answer by its own rules, and prints a line; the exit status is 1 where one did not accept.
import eu.europa.esig.dss.enumerations.DigestAlgorithm;
import eu.europa.esig.dss.enumerations.TimestampType;
import eu.europa.esig.dss.model.TimestampBinary;
import eu.europa.esig.dss.model.x509.CertificateToken;
import eu.europa.esig.dss.service.http.commons.TimestampDataLoader;
import eu.europa.esig.dss.service.tsp.OnlineTSPSource;
import eu.europa.esig.dss.spi.DSSUtils;
import eu.europa.esig.dss.spi.x509.tsp.TimestampToken;
import java.io.File;
import java.math.BigInteger;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.security.Security;
import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cms.jcajce.JcaSimpleSignerInfoVerifierBuilder;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.tsp.TSPAlgorithms;
import org.bouncycastle.tsp.TimeStampRequest;
import org.bouncycastle.tsp.TimeStampRequestGenerator;
import org.bouncycastle.tsp.TimeStampResponse;
import org.bouncycastle.tsp.TimeStampToken;

public class Clients {
  static boolean failed = false;

  interface Check {
    void run() throws Exception;
  }

  static void check(String name, Check check) {
    try {
      check.run();
      System.out.println("ok " + name);
    } catch (Exception error) {
      failed = true;
      System.out.println("FAIL " + name + ": " + error);
    }
  }

  static void bouncyCastle(String url, String digest, ASN1ObjectIdentifier algorithm, CertificateToken root)
      throws Exception {
    byte[] imprint = MessageDigest.getInstance(digest).digest("document".getBytes());
    TimeStampRequestGenerator generator = new TimeStampRequestGenerator();
    generator.setCertReq(true);
    TimeStampRequest request = generator.generate(algorithm, imprint, new BigInteger(64, new SecureRandom()));
    HttpRequest post =
        HttpRequest.newBuilder(URI.create(url))
            .header("Content-Type", "application/timestamp-query")
            .POST(HttpRequest.BodyPublishers.ofByteArray(request.getEncoded()))
            .build();
    byte[] body =
        HttpClient.newHttpClient().send(post, HttpResponse.BodyHandlers.ofByteArray()).body();
    TimeStampResponse response = new TimeStampResponse(body);
    response.validate(request);
    TimeStampToken token = response.getTimeStampToken();
    X509CertificateHolder tsu =
        (X509CertificateHolder) token.getCertificates().getMatches(token.getSID()).iterator().next();
    token.validate(new JcaSimpleSignerInfoVerifierBuilder().setProvider("BC").build(tsu));
    if (!tsu.isSignatureValid(
        new org.bouncycastle.operator.jcajce.JcaContentVerifierProviderBuilder()
            .build(root.getCertificate()))) throw new Exception("another root");
  }

  static void dss(String url, DigestAlgorithm algorithm, CertificateToken root) throws Exception {
    OnlineTSPSource source = new OnlineTSPSource(url);
    source.setDataLoader(new TimestampDataLoader());
    byte[] imprint = DSSUtils.digest(algorithm, "document".getBytes());
    TimestampBinary answer = source.getTimeStampResponse(algorithm, imprint);
    TimestampToken token =
        new TimestampToken(answer.getBytes(), TimestampType.CONTENT_TIMESTAMP);
    CertificateToken tsu =
        token.getCertificateSource().getCertificates().stream()
            .filter(token::isSignedBy)
            .findFirst()
            .orElseThrow();
    if (!token.isSignatureIntact()) throw new Exception("the signature is not intact");
    if (!tsu.isSignedBy(root)) throw new Exception("another root");
  }

  public static void main(String[] args) throws Exception {
    Security.addProvider(new BouncyCastleProvider());
    CertificateToken root = DSSUtils.loadCertificate(new File(args[1]));
    check("Bouncy Castle, SHA-256", () -> bouncyCastle(args[0], "SHA-256", TSPAlgorithms.SHA256, root));
    check("Bouncy Castle, SHA-512", () -> bouncyCastle(args[0], "SHA-512", TSPAlgorithms.SHA512, root));
    check("EU DSS, SHA-256", () -> dss(args[0], DigestAlgorithm.SHA256, root));
    check("EU DSS, SHA-512", () -> dss(args[0], DigestAlgorithm.SHA512, root));
    System.exit(failed ? 1 : 0);
  }
}
