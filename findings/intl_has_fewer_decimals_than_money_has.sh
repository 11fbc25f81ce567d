#!/usr/bin/env bash
# Intl.NumberFormat, Babel: Hungarian, Indonesian, Colombian and other money has no decimals there, but two by ISO 4217.
#
# Guess:  `maximumFractionDigits` of a currency is that of ISO 4217, as manuals say; so it turns an amount into the whole number of
#         smallest units that a payment interface wants, and shows each amount exactly.
# Is so:  the digits are those of CLDR, which counts the coins in use. For 16 currencies of CLDR 48 they are fewer: 1,234.50 forints are
#         shown as 1,235, and in smallest units they become a hundredth of themselves. Babel does the same but for PKR, and rounds the
#         half to 1,234. dinero.js, iso4217 and py-moneyed keep to ISO, but py-moneyed shows amounts by Babel.
# Ours:   how many decimals a currency has stands in our own list after ISO 4217, and amounts are written by that.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$work" dinero.js@2.0.2
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check Babel==2.19.0 iso4217==1.16.20260101 py-moneyed==3.0

cat >"$work/digits.mjs" <<'JS'
import * as currencies from 'dinero.js/currencies';

const digits = {};
for (const { code, exponent } of Object.values(currencies)) {
    const format = new Intl.NumberFormat('en', { style: 'currency', currency: code });
    digits[code] = [format.resolvedOptions().maximumFractionDigits, exponent, format.format(1234.5).replace('\u00a0', ' ')];
}
console.log(JSON.stringify([process.version, process.versions.cldr, digits]));
JS
cat >"$work/try.py" <<'PY'
import json
import subprocess
import sys
from decimal import Decimal

import iso4217
import moneyed
from babel.numbers import format_currency, get_currency_precision
from moneyed.l10n import format_money

FEWER = "AFN ALL COP HUF IDR IQD IRR KPW LAK LBP MGA MMK PKR SOS SYP YER".split()
node, cldr, digits = json.loads(subprocess.run(["node", "digits.mjs"], check=True, capture_output=True, text=True).stdout)
iso = {one.code: one.exponent for one in iso4217.Currency if one.exponent is not None}
of_intl = sorted(code for code, (intl, *_) in digits.items() if intl < iso.get(code, 0))
of_babel = sorted(code for code in digits if get_currency_precision(code) < iso.get(code, 0))
print(f"Node.js {node} (CLDR {cldr}), Babel 2.19.0, dinero.js 2.0.2, iso4217 1.16.20260101, py-moneyed 3.0")
print("fewer decimals in Intl than in ISO 4217: ", *of_intl)
print("in Intl, but not in Babel:               ", *sorted(set(of_intl) ^ set(of_babel)))
as_described = of_intl == FEWER and set(of_intl) ^ set(of_babel) == {"PKR"}
for code, by_intl, by_babel in [
    ("HUF", "HUF 1,235", "HUF1,234"),
    ("PKR", "PKR 1,235", "PKR1,234.50"),
    ("EUR", "€1,234.50", "€1,234.50"),
]:
    (_, dinero, shown), amount = digits[code], Decimal("1234.5")
    units = moneyed.Money(amount, code).get_amount_in_sub_unit()
    seen = shown, format_currency(amount, code, locale="en"), format_money(moneyed.Money(amount, code), locale="en")
    print(f"1234.5 {code}: Intl {seen[0]}, Babel {seen[1]}, py-moneyed {seen[2]} of {units} units; {dinero} decimals for dinero.js")
    as_described &= seen == (by_intl, by_babel, by_babel) and units == 123450 and dinero == iso[code] == 2
sys.exit(0 if as_described else "this is not what was seen before")
PY
cd "$work"
"$work/env/bin/python" try.py
