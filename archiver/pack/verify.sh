#!/bin/sh
# Checks this pack with OpenSSL (3.0 or later) and POSIX tools alone, without a network:
#   sh verify.sh [ANCHORS.pem]
# 1. every file is as it was packed (SHA256SUMS);
# 2. each evidence record (RFC 4998) covers the document and what belongs to it: hash values, hash
#    trees, renewals and times, read from the record itself (§4.3, §5.3);
# 3. each timestamp token is signed by a TSU under the trust anchors and was not revoked, as of the time
#    of the next token, the newest as of the time of packing.
# Trust is yours to give: the anchors in the pack are a convenience, compare their fingerprints or
# give your own file. Exit status: 0 all holds, 1 it does not, 3 usage.
set -eu
LC_ALL=C
export LC_ALL
umask 077

fail() {
  printf 'FAILED: %s\n' "$*" >&2
  exit 1
}

[ $# -le 1 ] || { printf 'usage: sh verify.sh [ANCHORS.pem]\n' >&2; exit 3; }
anchors=${1-trust/anchors.pem}
case ${1-} in '' | /*) ;; *) anchors=$PWD/$1 ;; esac
cd -- "$(dirname -- "$0")"
[ -r "$anchors" ] || { printf 'no anchors: %s\n' "$anchors" >&2; exit 3; }
tmp=${TMPDIR:-/tmp}/tokiwa-pack.$$
mkdir -- "$tmp"
trap 'rm -rf -- "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

# Digest of standard input, lower-case hexadecimal.
digest() { openssl dgst "-$1" -r | cut -d ' ' -f 1; }

# Hexadecimal digits on standard input, to octets.
octets() {
  printf "$(awk '{
    for (i = 1; i < length($0); i += 2)
      printf "\\%03o", 16 * (index(d, substr($0, i, 1)) - 1) + index(d, substr($0, i + 1, 1)) - 1
  }' d=0123456789abcdef)"
}

# The hash of values on lines of standard input, in binary ascending order (RFC 4998 §4.2 step 3).
node_of() { sort | tr -d '\n' | octets | digest "$alg"; }

# The DER header of a SEQUENCE of $1 octets.
sequence_header() {
  if [ "$1" -lt 128 ]; then printf '30%02x' "$1"
  elif [ "$1" -lt 256 ]; then printf '3081%02x' "$1"
  elif [ "$1" -lt 65536 ]; then printf '3082%04x' "$1"
  elif [ "$1" -lt 16777216 ]; then printf '3083%06x' "$1"
  else printf '3084%08x' "$1"
  fi | octets
}

# YYYYMMDDhhmmss[.f]Z to seconds since 1970.
seconds() {
  printf '%s\n' "$1" | awk '{
    y = substr($0, 1, 4); m = substr($0, 5, 2) + 0; d = substr($0, 7, 2)
    if (m <= 2) { y -= 1; m += 12 }
    days = 365 * y + int(y / 4) - int(y / 100) + int(y / 400) + int((153 * m - 457) / 5) + d - 719469
    printf "%d\n", days * 86400 + substr($0, 9, 2) * 3600 + substr($0, 11, 2) * 60 + substr($0, 13, 2)
  }'
}

# An element by its place: file, offset, length, output.
element() { openssl asn1parse -inform DER -in "$1" -offset "$2" -length "$3" -noout -out "$4"; }

# What asn1parse says, as lines: offset, depth, whole length, type, value.
parsed() {
  openssl asn1parse -inform DER -in "$1" >"$tmp/asn1" 2>"$tmp/error" || fail "$1 is not readable"
  awk '{
    match($0, /(prim|cons): /); head = substr($0, 1, RSTART - 1); rest = substr($0, RSTART + RLENGTH)
    gsub(/[:=]/, " ", head); n = split(head, f, " ")
    value = ""; type = rest
    if ((at = index(rest, ":")) > 0) { value = substr(rest, at + 1); type = substr(rest, 1, at - 1) }
    gsub(/\[HEX DUMP\]/, "", type); gsub(/ /, "", type)
    print f[1], f[3], f[5] + f[7], type, (value == "" ? "-" : value)
  }' "$tmp/asn1"
}

# The plan of a record: what its archive timestamps hold, in order.
plan_of() {
  parsed "$1" | awk -v size="$(wc -c <"$1")" '
    NR == 1 && ($2 != 0 || $4 != "SEQUENCE" || $3 != size) { print "bad not one SEQUENCE"; exit }
    $2 == 1 { part++; if ($4 == "SEQUENCE") sequences++; else if (part == 1 && $5 != "01") print "bad version" }
    sequences == 1 && $2 == 3 && $4 == "OBJECT" { print "listed", $5 }
    sequences < 2 { next }
    $2 == 2 { print "chain", $1, $3 }
    $2 == 3 { print "archive-timestamp" }
    $2 == 4 { field = $4; if (field == "SEQUENCE") print "token", $1, $3 }
    $2 == 5 && field == "cont[0]" && $4 == "OBJECT" { print "alg", $5 }
    $2 == 5 && field == "cont[2]" { print "list" }
    $2 == 6 && field == "cont[2]" { print "value", tolower($5) }
    END { if (sequences != 2) print "bad no archive timestamps" }'
}

# Ends the list that was read: its node goes on to the next (RFC 4998 §4.3 step 3).
end_list() {
  [ "$lists" -gt 0 ] || return 0
  [ -s "$tmp/list" ] || fail "$where: an empty list"
  if [ "$lists" -eq 1 ]; then
    sort -u "$tmp/list" >"$tmp/first"
    if [ "$(wc -l <"$tmp/list")" -eq 1 ]; then node=$(cat "$tmp/list")
    else node=$(node_of <"$tmp/list"); fi
  else
    node=$({ cat "$tmp/list"; printf '%s\n' "$node"; } | node_of)
  fi
}

# Hash values that the first list has to hold (§4.3 step 2, §5.3 steps 2 and 4).
expected() {
  if [ "$number" -gt 1 ]; then
    i=$chain_start
    while [ "$i" -lt "$count" ]; do digest "$alg" <"$tmp/token.$i"; i=$((i + 1)); done
    return
  fi
  if [ "$chains" -gt 1 ]; then
    i=1; : >"$tmp/body"
    while [ "$i" -lt "$chains" ]; do cat "$tmp/chain.$i" >>"$tmp/body"; i=$((i + 1)); done
    earlier=$({ sequence_header "$(wc -c <"$tmp/body" | tr -d ' ')"; cat "$tmp/body"; } | digest "$alg")
  fi
  while IFS= read -r member; do
    value=$(digest "$alg" <"$member")
    if [ "$chains" -gt 1 ]; then value=$(printf '%s\n' "$value$earlier" | octets | digest "$alg"); fi
    printf '%s\n' "$value"
  done <"$tmp/members"
}

# One archive timestamp: its token is over the root to which its lists lead.
check_archive_timestamp() {
  element "$record" "$1" "$2" "$tmp/token.$count" || fail "$where: the token is not readable"
  openssl cms -verify -noverify -nosigs -inform DER -in "$tmp/token.$count" -binary \
    -out "$tmp/info" 2>"$tmp/error" || fail "$where: the token is not readable"
  parsed "$tmp/info" >"$tmp/info.txt"
  imprint_alg=$(awk '$2 == 3 && $4 == "OBJECT" { print $5; exit }' "$tmp/info.txt")
  imprint=$(awk '$2 == 2 && $4 == "OCTETSTRING" { print tolower($5); exit }' "$tmp/info.txt")
  gen_time=$(awk '$2 == 1 && $4 == "GENERALIZEDTIME" { print $5; exit }' "$tmp/info.txt")
  alg=${alg:-$imprint_alg}
  case $alg in
    sha256 | sha384 | sha512 | sha512-256 | sha3-256 | sha3-384 | sha3-512) ;;
    *) fail "$where: hash algorithm $alg" ;;
  esac
  [ "$alg" = "$imprint_alg" ] || fail "$where: token and tree have different hash algorithms"
  [ "$number" -eq 1 ] && chain_alg=$alg
  [ "$alg" = "$chain_alg" ] || fail "$where: another hash algorithm within a chain"
  grep -qx "listed $alg" "$tmp/plan" || fail "$where: $alg is not among the digestAlgorithms"
  end_list
  expected >"$tmp/values"
  sort -u "$tmp/values" >"$tmp/expected"
  if [ "$lists" -eq 0 ]; then
    [ "$(wc -l <"$tmp/expected")" -eq 1 ] || fail "$where: no tree over several values"
    node=$(cat "$tmp/expected")
    cp "$tmp/expected" "$tmp/first"
  fi
  # Another product may renew the newest token alone (§5.2), and write neighbours into a first list (§4.3).
  if [ "$other" -eq 1 ] && [ "$number" -gt 1 ]; then tail -n 1 "$tmp/values" >"$tmp/expected"; fi
  [ -z "$(comm -23 "$tmp/expected" "$tmp/first")" ] || fail "$where: does not cover what it has to"
  [ "$other" -eq 1 ] || [ -z "$(comm -13 "$tmp/expected" "$tmp/first")" ] ||
    fail "$where: covers something else, too"
  [ "$node" = "$imprint" ] || fail "$where: the hash tree does not lead to the token"
  at=$(seconds "$gen_time")
  [ "$at" -ge "$newest" ] || fail "$where: older than the one before"
  newest=$at
  printf '%s %s %s %s\n' "$count" "$at" "$imprint" "$gen_time" >>"$tmp/tokens"
}

# The response that tells of a token's TSU: signed under the anchors, and about this very certificate.
check_response() {
  response=ocsp/${revocation#ocsp }
  openssl asn1parse -in "$response.cert.pem" -noout -out "$tmp/tsu" 2>"$tmp/error" &&
    openssl cms -verify -noverify -nosigs -inform DER -in "$tmp/token.$token" -binary -out /dev/null \
      -signer "$tmp/signer.pem" 2>"$tmp/error" &&
    openssl asn1parse -in "$tmp/signer.pem" -noout -out "$tmp/signer" 2>"$tmp/error" &&
    cmp -s "$tmp/tsu" "$tmp/signer" || fail "$record: token $token: $response is about another certificate"
  # Within a hundred years of the clock: what the times say is compared below.
  openssl ocsp -respin "$response.ors" -issuer "$response.issuer.pem" -cert "$response.cert.pem" \
    -CAfile "$tmp/trust.pem" -verify_other certificates.pem -partial_chain -attime "$until" -no_nonce \
    -validity_period 3155760000 >"$tmp/status" 2>"$tmp/error" && grep -q '^Response verify OK' "$tmp/error" || {
    cat "$tmp/error" >&2
    fail "$record: $response.ors does not verify"
  }
  grep -q '\.cert\.pem: good$' "$tmp/status" || { cat "$tmp/status" >&2; fail "$record: the TSU of token $token is not good"; }
  # One that had run out before the token was made says nothing of it.
  last=$(awk '/(This|Next) Update: / {
    month = (index("JanFebMarAprMayJunJulAugSepOctNovDec", $3) + 2) / 3
    gsub(/:/, "", $5); last = sprintf("%04d%02d%02d%sZ", $6, month, $4, $5)
  } END { print last }' "$tmp/status")
  [ "$(seconds "$last")" -ge "$at" ] || fail "$record: $response.ors is older than token $token"
}

# The signature of a token under the anchors as of a time; revocation by CRLs or a response of the pack.
check_token() {
  set -- "$@" -CAfile "$tmp/trust.pem" -untrusted certificates.pem -partial_chain -attime "$until"
  case $revocation in
    crl) set -- "$@" -crl_check ;;
    'ocsp '*) check_response ;;
  esac
  openssl ts -verify -token_in -in "$tmp/token.$token" -digest "$imprint" "$@" \
    >"$tmp/error" 2>&1 && return
  # `ts` cannot verify signatures such as Ed25519; the imprint was compared before.
  if grep -qi "signature error\|unsupported\|unknown" "$tmp/error"; then
    shift 4
    openssl cms -verify -inform DER -in "$tmp/token.$token" -purpose timestampsign -out /dev/null \
      -CAfile "$tmp/trust.pem" -certfile certificates.pem "$@" >"$tmp/error" 2>&1 && return
  fi
  cat "$tmp/error" >&2
  fail "$record: token $token of $gen_time does not verify"
}

while read -r sum name; do
  [ "$(digest sha256 <"$name")" = "$sum" ] || fail "$name is not as it was packed"
done <SHA256SUMS
printf 'files are as they were packed\n'
cat -- "$anchors" crls.pem >"$tmp/trust.pem"
packed=$(awk '$1 == "at" { print $2 }' pack.txt)

for record in record-*.ers; do
  # What belongs to this record: names may hold blanks.
  awk -v name="$record" '$1 == "record" { mine = ($2 == name) } mine' pack.txt >"$tmp/own"
  sed -n 's/^member //p' "$tmp/own" >"$tmp/members"
  sed -n 's/^revocation //p' "$tmp/own" >"$tmp/revocation"
  [ -s "$tmp/members" ] || fail "$record: no document"
  other=$(grep -cx 'other-product' "$tmp/own") || :
  plan_of "$record" >"$tmp/plan"
  if grep '^bad' "$tmp/plan" >&2; then fail "$record is no evidence record"; fi
  chains=0 count=0 newest=0 number=0 lists=0
  : >"$tmp/tokens"
  while read -r what first second; do
    where="$record, archive timestamp $((count + (number == 0)))"
    case $what in
      chain)
        chains=$((chains + 1)) number=0 chain_start=$((count + 1))
        element "$record" "$first" "$second" "$tmp/chain.$chains"
        ;;
      archive-timestamp)
        number=$((number + 1)) count=$((count + 1)) lists=0 alg=
        where="$record, archive timestamp $count"
        ;;
      alg) alg=$first ;;
      list)
        end_list
        lists=$((lists + 1))
        : >"$tmp/list"
        ;;
      value)
        case $first in *[!0-9a-f]*) fail "$where: no hash value" ;; esac
        printf '%s\n' "$first" >>"$tmp/list"
        ;;
      token) check_archive_timestamp "$first" "$second" ;;
    esac
  done <"$tmp/plan"
  [ "$count" -gt 0 ] || fail "$record holds no archive timestamp"
  while read -r token at imprint gen_time; do
    until=$(awk -v n="$((token + 1))" '$1 == n { print $2 }' "$tmp/tokens")
    until=${until:-$packed}
    revocation=$(sed -n "${token}p" "$tmp/revocation")
    check_token
    printf '%s: token %s of %s holds (revocation: %s)\n' "$record" "$token" "$gen_time" "${revocation%% *}"
  done <"$tmp/tokens"
done
printf 'VALID: the document existed at %s as it is here, under the anchors of %s\n' \
  "$(awk 'NR == 1 { print $4 }' "$tmp/tokens")" "$anchors"
