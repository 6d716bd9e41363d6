#!/bin/sh
# Makes samples/ anew: PKI, documents, manifest. Needs OpenSSL 3, Python 3.11 with pip, JDK 17, Maven, and their package registries.
# Every run makes new keys, so every file changes; no key outlives the run.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
umask 022

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check -r "$here/requirements.txt"
mvn -q -B -f "$here/pom.xml" -Dbuild.folder="$work/java" compile dependency:copy-dependencies \
  -DincludeScope=runtime -DoutputDirectory="$work/java/lib"

PYTHONDONTWRITEBYTECODE=1 PYTHONUTF8=1 LC_ALL=C.UTF-8 \
  "$work/venv/bin/python" "$here/make.py" "$work" "$work/java/classes:$work/java/lib/*" "$here/.."
