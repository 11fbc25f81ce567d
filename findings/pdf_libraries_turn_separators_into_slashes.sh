#!/usr/bin/env bash
# jsPDF, PDFKit: amounts as Intl writes them come out as `1 /234,50 €` in French, and below zero as `"1 234,50 kr` in Swedish.
#
# Guess:  a PDF's standard fonts have every sign of a European amount, as they have `€`; what they lack, a library refuses or shows as
#         a box.
# Is so:  Intl puts U+202F between thousands in French, and U+2212 before negative amounts in Swedish. The encoding of these fonts has
#         neither. jsPDF and PDFKit then write both bytes of such a character as if they were two: 20 2F is a space and a slash, 22 12
#         a quotation mark and nothing. So a credit note has lost its minus. Babel writes U+202F, too. pdf-lib and fpdf2 refuse both
#         texts, and ReportLab shows a box for the space.
# Ours:   receipts have fonts of their own, and amounts with a comma and a plain minus. Whoever makes invoices from the amounts of the
#         API embeds a font, or replaces both characters.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$work" jspdf@4.2.1 pdfkit@0.20.2 pdf-lib@1.17.1
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check pypdfium2==5.15.2 reportlab==5.1.0 fpdf2==2.8.9 Babel==2.19.0

cat >"$work/write.cjs" <<'JS'
const { createWriteStream, writeFileSync } = require('node:fs');
const { jsPDF } = require('jspdf');
const PDFDocument = require('pdfkit');
const PDFLib = require('pdf-lib');

const amount = (locale, currency, value) => new Intl.NumberFormat(locale, { style: 'currency', currency }).format(value);
const amounts = [amount('fr', 'EUR', 1234.5), amount('sv', 'SEK', -1234.5)];

async function main() {
    for (const [at, text] of amounts.entries()) {
        const first = new jsPDF();
        first.text(text, 10, 10);
        writeFileSync(`jspdf-${at}.pdf`, Buffer.from(first.output('arraybuffer')));
        const second = new PDFDocument();
        second.pipe(createWriteStream(`pdfkit-${at}.pdf`));
        second.text(text, 10, 10);
        second.end();
        const third = await PDFLib.PDFDocument.create();
        const font = await third.embedFont(PDFLib.StandardFonts.Helvetica);
        try {
            third.addPage().drawText(text, { font });
            writeFileSync(`pdf-lib-${at}.pdf`, await third.save());
        } catch (error) {
            if (!/WinAnsi cannot encode/.test(error.message)) throw error;
        }
    }
    console.log(JSON.stringify(amounts));
}
main();
JS
cat >"$work/try.py" <<'PY'
import json
import pathlib
import subprocess
import sys

import pypdfium2
from babel.numbers import format_currency
from fpdf import FPDF
from fpdf.errors import FPDFUnicodeEncodingException
from reportlab.pdfgen.canvas import Canvas

AMOUNTS = ["1\u202f234,50\u00a0€", "\u22121\u00a0234,50\u00a0kr"]
SLASH, QUOTE = "1 /234,50 €", '"\u00121 234,50 kr'
EXPECTED = {
    "jspdf": [SLASH, QUOTE],
    "pdfkit": [SLASH, QUOTE],
    "pdf-lib": ["refused", "refused"],
    "fpdf2": ["refused", "refused"],
    "reportlab": ["1■234,50 €", "\u22121 234,50 kr"],
}

of_node = json.loads(subprocess.run(["node", "write.cjs"], check=True, capture_output=True, text=True).stdout)
of_babel = format_currency(1234.5, "EUR", locale="fr")
for at, text in enumerate(AMOUNTS):
    canvas = Canvas(f"reportlab-{at}.pdf")
    canvas.drawString(50, 700, text)
    canvas.save()
    page = FPDF()
    page.add_page()
    page.set_font("Helvetica")
    try:
        page.text(10, 10, text)
        page.output(f"fpdf2-{at}.pdf")
    except FPDFUnicodeEncodingException:
        pass


def read(path):
    if not path.exists():
        return "refused"
    text = pypdfium2.PdfDocument(path)[0].get_textpage().get_text_range()
    return text.strip().replace("\u00a0", " ")


seen = {name: [read(pathlib.Path(f"{name}-{at}.pdf")) for at in range(2)] for name in EXPECTED}
print("jspdf 4.2.1, pdfkit 0.20.2, pdf-lib 1.17.1, fpdf2 2.8.9, reportlab 5.1.0; read with pypdfium2 5.15.2")
print(f"{'Intl':15}", *(text.ljust(18) for text in AMOUNTS))
for name, texts in seen.items():
    print(f"{name:15}", *(text.replace("\u0012", "").ljust(18) for text in texts))
as_described = seen == EXPECTED and of_node == AMOUNTS and of_babel == AMOUNTS[0]
sys.exit(0 if as_described else "this is not what was seen before")
PY
cd "$work"
"$work/env/bin/python" try.py
