#!/bin/sh
# Makes the throw-away PKI of the samples with OpenSSL: root, issuing CA, signers, TSU, CRLs (RFC 5280).
# usage: pki.sh init DIR | pki.sh crls DIR      DIR gets keys, certificates and OpenSSL's own CA database
set -eu
here=$(cd "$(dirname "$0")" && pwd)
dir=$2
mkdir -p "$dir"
cd "$dir"
PKI_DIR=$dir
export PKI_DIR
config=$here/openssl.cnf
far=20991231235959Z      # beyond 2049: OpenSSL writes GeneralizedTime (RFC 5280 §4.1.2.5.2, §5.1.2.5)
signers_end=20981231235959Z

key() { # NAME rsa:BITS|ec:CURVE
  case $2 in
    rsa:*) openssl genpkey -quiet -algorithm RSA -pkeyopt "rsa_keygen_bits:${2#rsa:}" -out "$1.key" ;;
    ec:*) openssl genpkey -quiet -algorithm EC -pkeyopt "ec_paramgen_curve:${2#ec:}" -out "$1.key" ;;
  esac
}

issue() { # CA NAME ALGORITHM EXTENSIONS FROM UNTIL DIGEST SUBJECT
  key "$2" "$3"
  openssl req -new -utf8 -config "$config" -key "$2.key" -subj "$8" -out "$2.csr"
  openssl ca -batch -notext -utf8 -config "$config" -name "$1" -md "$7" -extensions "$4" \
    -startdate "$5" -enddate "$6" -in "$2.csr" -out "$2.pem" 2>>openssl.log
}

crl() { # CA
  openssl ca -gencrl -config "$config" -name "$1" -md sha256 -crl_nextupdate "$far" -out "$1.crl.pem" 2>>openssl.log
  openssl crl -in "$1.crl.pem" -outform DER -out "$1.crl"
}

case $1 in
  init)
    for ca in root issuing; do
      : > "$ca.index"
      printf 'unique_subject = no\n' > "$ca.index.attr"
      echo 1000 > "$ca.serial"
      echo 01 > "$ca.crlnumber"
    done
    organisation='/C=JP/O=Tokiwa Sample PKI (not for use)'
    hospital='/C=JP/O=見本病院/OU=Sample'
    key root rsa:3072
    openssl req -new -utf8 -config "$config" -key root.key -subj "$organisation/CN=Tokiwa Sample Root CA" -out root.csr
    openssl ca -batch -selfsign -notext -utf8 -config "$config" -name root -md sha256 -extensions root_extensions \
      -keyfile root.key -startdate 20080101000000Z -enddate "$far" -in root.csr -out root.pem 2>>openssl.log
    issue root issuing ec:P-256 issuing_extensions 20080101000000Z "$far" sha256 "$organisation/CN=Tokiwa Sample Issuing CA"
    issue issuing signer-valid-rsa rsa:3072 signer_extensions 20200101000000Z "$signers_end" sha256 "$hospital/CN=見本 太郎 (医師)"
    issue issuing signer-valid-ec ec:P-256 signer_extensions 20200101000000Z "$signers_end" sha256 "$hospital/CN=見本 花子 (薬剤師)"
    issue issuing signer-expired ec:P-256 signer_extensions 20230401000000Z 20250331145959Z sha256 "$hospital/CN=見本 次郎 (期限切れ)"
    issue issuing signer-revoked rsa:3072 signer_extensions 20220101000000Z "$signers_end" sha256 "$hospital/CN=見本 三郎 (失効)"
    issue issuing signer-weak rsa:1024 signer_extensions 20080401000000Z "$signers_end" sha1 "$hospital/CN=見本 四郎 (旧方式)"
    issue issuing tsu ec:P-256 tsu_extensions 20200101000000Z "$signers_end" sha256 "$organisation/CN=Tokiwa Sample TSU (not accredited)"
    # Revoked before any sample was signed: the date goes straight into the database, `openssl ca -revoke` takes only now.
    serial=$(openssl x509 -in signer-revoked.pem -noout -serial | cut -d= -f2)
    awk -F '\t' -v OFS='\t' -v s="$serial" '$4 == s { $1 = "R"; $3 = "260201000000Z,keyCompromise" } { print }' issuing.index > issuing.index.new
    mv issuing.index.new issuing.index
    cat issuing.pem root.pem > chain.pem
    for name in signer-valid-rsa signer-valid-ec signer-expired signer-revoked signer-weak tsu; do
      openssl pkcs12 -export -inkey "$name.key" -in "$name.pem" -certfile chain.pem -passout pass:sample -out "$name.p12"
    done
    crl root
    crl issuing
    ;;
  crls)
    crl root
    crl issuing
    ;;
esac
