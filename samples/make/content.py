"""The unsigned contents: small, readable, fictional. Nothing here names a real person or institution."""

import io

from PIL import Image, ImageDraw
from reportlab.lib.pagesizes import A4
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen import canvas

# One of the Japanese fonts that every PDF reader supplies: nothing is embedded, the files stay small.
FONT = 'HeiseiKakuGo-W5'
pdfmetrics.registerFont(UnicodeCIDFont(FONT))

PATIENT = '患者: 見本 花子 (架空)   Patient: Hanako Mihon (fictional)'
HOSPITAL = '見本病院  Mihon Hospital (sample)'


def pdf(title: str, lines: tuple[str, ...]) -> bytes:
    """One A4 page. Streams stay uncompressed, so that one changed octet of text is one changed octet of the file."""
    out = io.BytesIO()
    page = canvas.Canvas(out, pagesize=A4, pageCompression=0, invariant=1)
    page.setTitle(title)
    page.setFont(FONT, 18)
    page.drawString(60, 770, title)
    y = 735
    for line in lines:
        page.setFont(FONT if not line.isascii() else 'Helvetica', 11)
        page.drawString(60, y, line)
        y -= 20
    page.showPage()
    page.save()
    return out.getvalue()


def text(*lines: str) -> bytes:
    return ('\n'.join(lines) + '\n').encode()


def picture(form: str) -> bytes:
    image = Image.new('L', (240, 300))
    draw = ImageDraw.Draw(image)
    draw.ellipse((30, 40, 110, 270), fill=70)
    draw.ellipse((130, 40, 210, 270), fill=70)
    draw.rectangle((112, 20, 128, 285), fill=190)
    for rib in range(60, 260, 28):
        draw.arc((25, rib, 215, rib + 40), 180, 360, fill=150, width=4)
    draw.text((8, 284), 'SAMPLE - drawn, no patient', fill=255)
    out = io.BytesIO()
    image.save(out, form, optimize=True)
    return out.getvalue()


FINDINGS = text(
    '検査報告書 / Laboratory report', HOSPITAL, PATIENT, 'HbA1c', 'Result: 5.6 %', 'Reference: 4.9-6.0 %',
    '判定: 基準範囲内', 'この文書は見本です。 This document is a sample.')

CONTENTS: dict[str, tuple[tuple[str, bytes], ...]] = {
    'chart': (('chart.pdf', pdf('診療録 Medical record', (
        HOSPITAL, PATIENT, '主訴: 咳、微熱 (3日前から)', 'S: Cough and slight fever for three days.',
        'O: BT 37.4, SpO2 98 %, chest clear.', 'A: 急性上気道炎', 'Dose: 5 mg twice a day, 5 days',
        '次回: 症状が続くとき再診'))),),
    'old-chart': (('old-chart.pdf', pdf('診療録 (旧システムより移行)', (
        HOSPITAL, PATIENT, '2009年6月30日 完結', 'Signed in 2009 with SHA-1 and RSA-1024.'))),),
    'discharge': (('discharge.pdf', pdf('退院サマリー Discharge summary', (
        HOSPITAL, PATIENT, '入院期間: 7日間', 'Diagnosis: community-acquired pneumonia, recovered.',
        '退院時処方: なし', '担当医: 見本 太郎'))),),
    'referral': (('referral.pdf', pdf('診療情報提供書 Referral', (
        HOSPITAL, PATIENT, '紹介目的: 循環器内科での精査', 'Purpose: evaluation by cardiology.'))),),
    'consent': (('consent.pdf', pdf('手術同意書 Consent to surgery', (
        HOSPITAL, PATIENT, '術式: 腹腔鏡下胆嚢摘出術', 'Procedure: laparoscopic cholecystectomy.',
        '説明者: 見本 太郎 (医師)   同席者: 見本 花子 (薬剤師)', '二つの署名があります。 This document bears two signatures.'))),),
    'consent-set': (
        ('検査同意書.txt', text('検査同意書', HOSPITAL, PATIENT, 'Form: 5', '造影CT検査について説明を受け、同意します。')),
        ('explanation.txt', text('Explanation given to the patient', 'Contrast media may cause allergic reactions.')),
    ),
    'prescription': (('prescription.xml', text(
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<prescription xmlns="urn:example:mihon:prescription" version="1">',
        '  <issuer>見本病院</issuer>', '  <patient fictional="true">見本 花子</patient>',
        '  <drug><name>アセトアミノフェン錠200mg</name><dose unit="tablet">2</dose><times>3</times><days>14</days></drug>',
        '  <note>Sample, not for dispensing. 見本につき調剤不可。</note>', '</prescription>')),),
    'findings': (('findings.txt', FINDINGS),),
    'agreement': (('agreement.txt', text(
        '契約書 / Agreement', '甲: 見本病院   乙: 見本商会 (いずれも架空)', 'Amount: 100000 JPY a month', '期間: 1年間')),),
    'agreement-pdf': (('agreement.pdf', pdf('Service agreement', (
        'Between Mihon Hospital and Mihon Trading (both fictional).', 'Term: one year from 1 April 2026.',
        '医療情報システムの運用支援に関する契約'))),),
    'product-use': (('使用記録.txt', text(
        '特定生物由来製品使用記録', HOSPITAL, PATIENT, '製品: 人血清アルブミン20% (見本)', 'Lot: A1234', '使用日: 2026-06-10')),),
    'health-check': (
        ('個人票.txt', text('石綿健康診断個人票', '受診者: 見本 四郎 (架空)', '胸部X線: 異常なし', '診断日: 2026-05-20')),
        ('summary.csv', text('item,result', 'chest x-ray,normal', 'FVC,3.8 L')),
    ),
    'csv': (('table.csv', text('番号,氏名,検査,値,単位', '1,見本 花子,HbA1c,5.6,%', '2,見本 四郎,LDL-C,118,mg/dL')),),
    'png': (('image.png', picture('PNG')),),
    'jpeg': (('image.jpg', picture('JPEG')),),
    'memo': (('memo.txt', text('院内連絡: この文書には保存期間の規則も起算日もありません。', 'No rule and no start date: the end is unknown.')),),
    'slip': (('slip.txt', text('受付票', '受付番号 0042 (見本)', 'A token of RFC 3161 lies beside this file.')),),
    'empty': (('empty.txt', b''),),
    'false-pdf': (('false.pdf', b'%PDF-1.7\nThis file claims to be a PDF and has neither objects nor a trailer.\n'),),
}
