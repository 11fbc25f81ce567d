//! A photo as phones take it, made small enough to send: in the browser, so that not all of it has to leave.
//!
//! By hand, as the classes of the browser for this would be kilobytes in the chunk that everybody loads.

use js_sys::{Array, Function, Object, Promise, Reflect};
use leptos::prelude::document;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::File;

/// Pixels of the longer side: models look at no more.
const LONGEST_SIDE: f64 = 2048.0;
const QUALITY: f64 = 0.85;

/// The picture as a data URL, upright, on white where it is transparent; nothing if the browser cannot read it.
pub(super) async fn to_jpeg(file: &File) -> Option<String> {
    let options = Object::new();
    // Phones say in the file which way up it is.
    Reflect::set(&options, &"imageOrientation".into(), &"from-image".into()).ok()?;
    let bitmap = call(&js_sys::global(), "createImageBitmap", &[JsValue::from(file.clone()), options.into()])?;
    let bitmap = JsFuture::from(bitmap.dyn_into::<Promise>().ok()?).await.ok()?;
    let side = |name: &str| Reflect::get(&bitmap, &name.into()).ok()?.as_f64();
    let (width, height) = fitted(side("width")?, side("height")?);
    let canvas = document().create_element("canvas").ok()?;
    Reflect::set(&canvas, &"width".into(), &width.into()).ok()?;
    Reflect::set(&canvas, &"height".into(), &height.into()).ok()?;
    let context = call(&canvas, "getContext", &["2d".into()])?;
    let (left, top) = (JsValue::from(0), JsValue::from(0));
    Reflect::set(&context, &"fillStyle".into(), &"#fff".into()).ok()?;
    call(&context, "fillRect", &[left.clone(), top.clone(), width.into(), height.into()])?;
    Reflect::set(&context, &"imageSmoothingQuality".into(), &"high".into()).ok()?;
    call(&context, "drawImage", &[bitmap.clone(), left, top, width.into(), height.into()])?;
    call(&bitmap, "close", &[])?;
    let url = call(&canvas, "toDataURL", &["image/jpeg".into(), QUALITY.into()])?.as_string()?;
    url.starts_with("data:image/jpeg").then_some(url)
}

/// Both sides so that the longer one fits, in proportion.
fn fitted(width: f64, height: f64) -> (f64, f64) {
    let scale = (LONGEST_SIDE / width.max(height)).min(1.0);
    ((width * scale).round().max(1.0), (height * scale).round().max(1.0))
}

fn call(of: &JsValue, name: &str, arguments: &[JsValue]) -> Option<JsValue> {
    let function: Function = Reflect::get(of, &name.into()).ok()?.dyn_into().ok()?;
    function.apply(of, &arguments.iter().collect::<Array>()).ok()
}

#[cfg(test)]
mod tests {
    use super::fitted;

    #[test]
    fn a_photo_fits_in_proportion_and_nothing_is_enlarged() {
        let sides = |width, height| {
            let (width, height) = fitted(width, height);
            format!("{width}×{height}")
        };
        assert_eq!(sides(4032.0, 3024.0), "2048×1536");
        assert_eq!(sides(3024.0, 4032.0), "1536×2048");
        assert_eq!(sides(640.0, 480.0), "640×480");
        assert_eq!(sides(20_000.0, 1.0), "2048×1");
    }
}
