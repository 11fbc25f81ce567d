//! What each error status means.

use leptos::prelude::*;
use utoipa::openapi::RefOr;

use super::Prose;
use crate::api_docs::Reference;

/// All error statuses, with their codes and headers.
#[component]
pub fn ErrorTable(
    /// What begins the names of these responses.
    prefix: &'static str,
    /// What the table is called.
    label: &'static str,
) -> impl IntoView {
    let responses = Reference::get().document.components.iter().flat_map(|components| &components.responses);
    let row = |(name, response): (&'static String, &'static RefOr<utoipa::openapi::Response>)| {
        let RefOr::T(response) = response else { return None };
        let headers = response.headers.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        let status = name.strip_prefix(prefix)?;
        Some(view! {
            <tr id=name.to_lowercase() class="scroll-mt-4 align-top">
                <th scope="row" class="py-2 pr-4 text-left font-medium">
                    {status}
                </th>
                <td class="py-2 pr-4">
                    <Prose text=response.description.as_str() />
                </td>
                <td class="py-2 text-ink-soft">{headers}</td>
            </tr>
        })
    };
    view! {
        <div class="overflow-x-auto" tabindex="0" role="region" aria-label=label>
            <table class="w-full text-sm">
                <thead class="text-left text-ink-soft">
                    <tr>
                        <th scope="col" class="py-2 pr-4 font-medium">
                            "Status"
                        </th>
                        <th scope="col" class="py-2 pr-4 font-medium">
                            "Code"
                        </th>
                        <th scope="col" class="py-2 font-medium">
                            "Headers"
                        </th>
                    </tr>
                </thead>
                <tbody class="divide-y divide-line">{responses.filter_map(row).collect::<Vec<_>>()}</tbody>
            </table>
        </div>
    }
}
