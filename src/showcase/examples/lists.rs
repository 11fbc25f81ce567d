//! What holds more than one thing.

use leptos::prelude::*;

use crate::showcase::knobs::{Demo, Knobs, name, variants};
use crate::ui::{Align, Card, CodeBlock, Column, Number, Sort, Table, TableCell, TableState};

pub fn table(knobs: &mut Knobs) -> Demo {
    let state = knobs.choice("state", variants![TableState: Ready, Loading, Empty]);
    Demo::new(move |pane| {
        let sort = RwSignal::new(Sort::default());
        let rows = move || {
            let mut rows = [("Gemini", 18_204), ("Local", 1_730), ("OpenAI", 940)];
            match sort.get() {
                Sort { column: 0, .. } => rows.sort_by_key(|row| row.0),
                Sort { .. } => rows.sort_by_key(|row| row.1),
            }
            if sort.get().is_descending {
                rows.reverse();
            }
            rows.map(|(provider, tokens)| {
                view! {
                    <tr>
                        <TableCell>{provider}</TableCell>
                        <TableCell align=Align::End>
                            <Number value=tokens />
                        </TableCell>
                    </tr>
                }
            })
        };
        view! {
            <Table
                label=name!(pane, "Tokens by provider")
                columns=vec![Column::text("Provider").sortable(), Column::number("Tokens").sortable()]
                sort
                state=state.get()
                empty="Nothing was asked yet."
                class="w-full max-h-60"
            >
                {rows}
            </Table>
        }
    })
}

pub fn code_block(knobs: &mut Knobs) -> Demo {
    let code = knobs.text("code", "tessera backup tessera.backup");
    Demo::new(move |_| {
        view! {
            <div class="w-full">
                <CodeBlock language="Shell" code=code.get() copy="Copy" copied="Copied" />
            </div>
        }
    })
}

pub fn card(_: &mut Knobs) -> Demo {
    Demo::new(move |_| {
        view! {
            <Card class="w-full space-y-1 p-4">
                <p class="font-medium">"Available"</p>
                <p class="text-2xl font-semibold">"42 credits"</p>
            </Card>
        }
    })
}
