"""Makes everything in samples/ from nothing. Usage: make.py WORK CLASSPATH TARGET (make.sh calls it)."""

import csv
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import manifest
import openssl_tools
import pdf_tools
from catalogue import RULES, SAMPLES, UNPARSABLE, Sample
from content import CONTENTS

HERE = Path(__file__).parent
SUFFIX = {'cades-detached': '.p7s', 'tsr': '.tsr', 'ers': '.ers'}


class Maker:
    def __init__(self, work: Path, classpath: str) -> None:
        self.work, self.classpath = work, classpath
        self.pki, self.plain, self.documents = work / 'pki', work / 'plain', work / 'documents'
        self.jobs: list[str] = []

    def make_pki(self, step: str) -> None:
        subprocess.run([HERE / 'pki.sh', step, self.pki], check=True)
        parts = [(self.pki / name).read_text() for name in ('root.pem', 'root.crl.pem', 'issuing.crl.pem')]
        (self.pki / 'anchor-and-crls.pem').write_text(''.join(parts))

    def contents(self, sample: Sample) -> list[Path]:
        """The unsigned content as files, in a folder of its own."""
        paths = []
        for name, data in CONTENTS[sample.content]:
            path = self.plain / sample.content / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            paths.append(path)
        return paths

    def make(self, sample: Sample) -> None:
        out = self.documents / sample.key
        out.parent.mkdir(parents=True, exist_ok=True)
        if sample.content == 'cut-p7m':
            whole = self.work / 'whole.p7m'
            openssl_tools.sign_cms(self.pki, 'signer-valid-rsa', self.contents(SAMPLES_BY_CONTENT['findings'])[0], whole, False, False)
            out.write_bytes(whole.read_bytes()[:900])
            return
        inputs = self.contents(sample)
        detached = sample.format == 'cades-detached'
        if sample.format == 'plain' or detached or sample.expected == UNPARSABLE:
            shutil.copyfile(inputs[0], out)
        # A detached signature names no file, so the placed copy is what gets signed.
        signature = out.with_name(out.name + SUFFIX[sample.format]) if detached else out
        if sample.signers and sample.tool == 'pyhanko':
            out.write_bytes(pdf_tools.sign(self.pki, sample.signers, sample.level, sample.at, inputs[0].read_bytes()))
        elif sample.signers and sample.tool == 'openssl':
            openssl_tools.sign_cms(self.pki, sample.signers[0], inputs[0], signature, detached, sample.stream)
        elif sample.signers:
            self.job(sample.format, sample.level, sample.signers[0], sample.at, signature, inputs)
        for kind in sample.beside:
            beside = out.with_name(out.name + SUFFIX[kind])
            if kind == 'ers':
                self.job('evidence-record', '-', 'tsu', None, beside, inputs)
            else:
                request = self.work / 'slip.tsq'
                openssl_tools.query(self.pki, out, request)
                openssl_tools.reply(self.pki, request, beside)

    def job(self, form: str, level: str, signer: str, at: str | None, out: Path, inputs: list[Path]) -> None:
        self.jobs.append('\t'.join([form, level, signer, at or '-', str(out), *map(str, inputs)]))

    def java(self, program: str, lines: list[str]) -> str:
        table = self.work / f'{program}.tsv'
        table.write_text(''.join(line + '\n' for line in lines))
        done = subprocess.run(['java', '-Dfile.encoding=UTF-8', '-Dstdout.encoding=UTF-8', '-Dsun.jnu.encoding=UTF-8', '-cp', self.classpath,
                               program, str(self.pki), str(table)], check=True, stdout=subprocess.PIPE)
        return done.stdout.decode()


SAMPLES_BY_CONTENT = {sample.content: sample for sample in SAMPLES}


def alter(file: Path, change: tuple[bytes, bytes]) -> None:
    """Changes one octet of signed content; in a ZIP that of a member, so that the container itself stays sound."""
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as source:
            members = [(info, source.read(info)) for info in source.infolist()]
        if sum(data.count(change[0]) for _, data in members) != 1:
            raise RuntimeError(f'{file.name}: the octet to change is not there exactly once')
        with zipfile.ZipFile(file, 'w') as target:
            for info, data in members:
                target.writestr(info, data.replace(*change), compress_type=info.compress_type)
        return
    data = file.read_bytes()
    if data.count(change[0]) != 1 or len(change[0]) != len(change[1]):
        raise RuntimeError(f'{file.name}: the octet to change is not there exactly once')
    file.write_bytes(data.replace(*change))


def write_json(file: Path, value: object) -> None:
    file.write_text(json.dumps(value, ensure_ascii=False, indent=2) + '\n')


def place_retention(documents: Path) -> None:
    for sample in SAMPLES:
        way, beside = sample.retention, documents / sample.key
        if way.way == 'sidecar':
            write_json(beside.with_name(beside.name + '.retention.json'), {'rule': way.rule, 'start': way.start})
        elif way.way in ('tag', 'metadata'):
            given = {'retention-start': way.start, 'retention-rule': way.rule}
            tags, metadata = (given, {}) if way.way == 'tag' else ({}, given)
            write_json(beside.with_name(beside.name + '.meta.json'), {'metadata': metadata, 'tags': tags})


def write_import(file: Path) -> None:
    """What `tokiwa retention import` takes: the contracts' dates, which no file beside them tells."""
    with file.open('w', newline='') as out:
        rows = csv.writer(out, lineterminator='\n')
        rows.writerow(['key', 'rule', 'start'])
        rows.writerows([s.key, s.retention.rule, s.retention.start] for s in SAMPLES if s.retention.way == 'manual')


def publish_pki(pki: Path, target: Path) -> None:
    """Certificates, anchor and CRLs; no key leaves the working folder."""
    for folder in (target / 'anchors', target / 'crls', target / 'certificates'):
        folder.mkdir(parents=True)
    shutil.copyfile(pki / 'root.pem', target / 'anchors' / 'root.pem')
    for ca in ('root', 'issuing'):
        shutil.copyfile(pki / f'{ca}.crl', target / 'crls' / f'{ca}.crl')
    for name in ('root', 'issuing', 'tsu', *sorted({name for s in SAMPLES for name in s.signers})):
        shutil.copyfile(pki / f'{name}.pem', target / 'certificates' / f'{name}.pem')


def main(work: Path, classpath: str, target: Path) -> None:
    maker = Maker(work, classpath)
    maker.make_pki('init')
    for sample in SAMPLES:
        maker.make(sample)
    maker.java('Sign', maker.jobs)
    for sample in SAMPLES:
        if sample.alter is not None:
            alter(maker.documents / sample.key, sample.alter)
    maker.make_pki('crls')  # again: revocation data issued after every signature
    place_retention(maker.documents)
    entries = manifest.build(maker.pki, maker.documents, lambda cases: maker.java('Judge', cases))
    for name in ('documents', 'pki'):
        shutil.rmtree(target / name, ignore_errors=True)
    shutil.copytree(maker.documents, target / 'documents')
    publish_pki(maker.pki, target / 'pki')
    write_json(target / 'manifest.json', entries)
    write_json(target / 'rules.json', RULES)
    write_import(target / 'retention-import.csv')


if __name__ == '__main__':
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
