//! What Tessera needs of the crate `wasm_split_macros`: `#[wasm_split(chunk, wasm_split_path = …, fallible)]`, which puts
//! a function into a chunk of the WASM that is loaded when the function is first called.
//!
//! The original names what it exports by where the function stands, counted in bytes over all sources. So a longer line
//! anywhere gives every such function another name, the compiler takes each exported name as a reason to compile
//! three quarters of the crate anew, and a debug build took twice as long. Here it is the file and the function's name. It can
//! go once the original does likewise (see `[patch.crates-io]` in the Cargo.toml of Tessera).

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;
use quote::{format_ident, quote};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, FnArg, Ident, ItemFn, LitStr, Pat, PatIdent, Path, Result, Token, parse_macro_input, parse_quote};

/// The module of what the splitter is to connect.
const PLACEHOLDER: &str = "__wasm_split_placeholder__";

struct Arguments {
    chunk: Ident,
    helpers: Path,
    fallible: bool,
}

impl Parse for Arguments {
    fn parse(input: ParseStream) -> Result<Self> {
        let mut arguments =
            Self { chunk: input.call(Ident::parse_any)?, helpers: parse_quote!(::wasm_split_helpers), fallible: false };
        while !input.is_empty() {
            input.parse::<Token![,]>()?;
            let option: Ident = input.parse()?;
            if option == "wasm_split_path" {
                input.parse::<Token![=]>()?;
                arguments.helpers = input.parse()?;
            } else if option == "fallible" {
                arguments.fallible = true;
            } else {
                return Err(Error::new(option.span(), "wasm_split_path or fallible"));
            }
        }
        Ok(arguments)
    }
}

/// Makes the function asynchronous: it loads its chunk first. On the server it is called as it is.
///
/// With `fallible` it must return a `Result` whose error can be made from a `SplitLoaderError`; without, a chunk that
/// cannot be loaded is a panic.
#[proc_macro_attribute]
pub fn wasm_split(arguments: TokenStream, input: TokenStream) -> TokenStream {
    let arguments = parse_macro_input!(arguments as Arguments);
    let function = parse_macro_input!(input as ItemFn);
    expand(&arguments, function).unwrap_or_else(Error::into_compile_error).into()
}

fn expand(arguments: &Arguments, function: ItemFn) -> Result<Tokens> {
    let Arguments { chunk, helpers, fallible } = arguments;
    let ItemFn { attrs, vis, sig, block } = function;
    if sig.asyncness.is_some() || !sig.generics.params.is_empty() {
        return Err(Error::new_spanned(&sig, "a function of a chunk is neither async nor generic"));
    }
    let id = identity(&sig.ident);
    let name = &sig.ident;
    // The splitter knows them by these names.
    let import = format_ident!("__wasm_split_00{chunk}00_import_{id}_{name}");
    let export = format_ident!("__wasm_split_00{chunk}00_export_{id}_{name}");
    let load = format_ident!("__wasm_split_load_{chunk}");
    let module = LitStr::new(PLACEHOLDER, name.span());

    let mut passed = Vec::new();
    let mut parameters = Punctuated::<FnArg, Token![,]>::new();
    for (number, parameter) in sig.inputs.iter().enumerate() {
        let FnArg::Typed(parameter) = parameter else {
            return Err(Error::new_spanned(parameter, "a function of a chunk has no self"));
        };
        let mut parameter = parameter.clone();
        let argument = format_ident!("argument_{number}");
        *parameter.pat = Pat::Ident(PatIdent {
            attrs: Vec::new(),
            by_ref: None,
            mutability: None,
            ident: argument.clone(),
            subpat: None,
        });
        parameters.push(FnArg::Typed(parameter));
        passed.push(argument);
    }
    let (inputs, output) = (&sig.inputs, &sig.output);
    let loaded = if *fallible { quote!(?) } else { quote!(.expect("a chunk can be loaded")) };

    Ok(quote! {
        #(#attrs)*
        #vis async fn #name(#parameters) #output {
            #[cfg(target_family = "wasm")]
            {
                #[link(wasm_import_module = #module)]
                #[allow(improper_ctypes)]
                unsafe extern "C" {
                    #[unsafe(no_mangle)]
                    fn #load(callback: #helpers::rt::LoadCallbackFn, data: *const ::std::ffi::c_void);
                    #[unsafe(no_mangle)]
                    safe fn #import(#parameters) #output;
                }

                #(#attrs)*
                #[allow(improper_ctypes_definitions)]
                #[unsafe(no_mangle)]
                extern "C" fn #export(#inputs) #output #block

                // SAFETY: the splitter gives this import the signature that the loader expects.
                static LOADER: #helpers::rt::LazySplitLoader = unsafe { #helpers::rt::LazySplitLoader::new(#load) };
                #helpers::rt::ensure_loaded(::core::pin::Pin::static_ref(&LOADER)).await #loaded;
                #import(#(#passed),*)
            }
            #[cfg(not(target_family = "wasm"))]
            {
                #(#attrs)*
                fn inner(#inputs) #output #block
                inner(#(#passed),*)
            }
        }
    })
}

/// 32 hexadecimal digits for a function: FNV-1a over its file and its name.
fn identity(name: &Ident) -> String {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let place = format!("{}\0{name}", name.span().unwrap().file());
    let hash = place.bytes().fold(OFFSET, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME));
    format!("{hash:032x}")
}

/// A name that no other package has, for the marker in `wasm_split_helpers`.
#[doc(hidden)]
#[proc_macro]
pub fn version_stamp(_: TokenStream) -> TokenStream {
    let version = std::env::var("CARGO_PKG_VERSION").unwrap_or_default().replace('.', "_");
    let name = format!("_WASM_SPLIT_MARKER_{version}");
    quote!(#name).into()
}
