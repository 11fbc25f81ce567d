//! The queries of addresses, read and written. Each target has what it comes with: the browser its own parser, the
//! server that of the `url` crate. Both follow the same standard (URL, "application/x-www-form-urlencoded").

#[cfg(not(feature = "ssr"))]
mod browser;
#[cfg(feature = "ssr")]
mod server;

#[cfg(not(feature = "ssr"))]
use browser as target;
#[cfg(feature = "ssr")]
use server as target;

/// The value of a parameter of an address, decoded; `None` if it is not there.
#[must_use]
pub fn parameter(address: &str, name: &str) -> Option<String> {
    let (_, query) = address.split_once('?')?;
    target::find(query, name)
}

/// A text as the value of a parameter.
#[must_use]
pub fn encode(text: &str) -> String {
    target::encode(text)
}

/// The address of a path with these parameters, but for those without a value.
#[must_use]
pub fn address(path: &str, parameters: &[(&str, &str)]) -> String {
    let mut address = path.to_owned();
    for (name, value) in parameters {
        if !value.is_empty() {
            address.push(if address.len() == path.len() { '?' } else { '&' });
            address.push_str(name);
            address.push('=');
            address.push_str(&encode(value));
        }
    }
    address
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_parameter_is_read_as_a_form_writes_it() {
        let address = "/images?q=two+words%3F&page=1&empty=&flag";
        assert_eq!(parameter(address, "q").as_deref(), Some("two words?"));
        assert_eq!(parameter(address, "page").as_deref(), Some("1"));
        assert_eq!(parameter(address, "empty").as_deref(), Some(""));
        assert_eq!(parameter(address, "flag").as_deref(), Some(""));
        assert_eq!(parameter(address, "pag"), None);
        assert_eq!(parameter("/images", "q"), None);
    }

    #[test]
    fn what_is_not_well_formed_stays_as_it_is() {
        assert_eq!(parameter("/images?q=100%+%zz%e8", "q").as_deref(), Some("100% %zz\u{fffd}"));
    }

    #[test]
    fn a_value_is_written_as_browsers_do() {
        assert_eq!(encode("a-Z_0.9!~*'()"), "a-Z_0.9!~*'()");
        assert_eq!(encode("/chat?x=1&y#é+ :"), "%2Fchat%3Fx%3D1%26y%23%C3%A9%2B%20%3A");
        assert_eq!(address("/images", &[("q", "a b"), ("favorites", ""), ("cursor", "1")]), "/images?q=a%20b&cursor=1");
        assert_eq!(address("/images", &[("q", "")]), "/images");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(first in ".+", second in ".+") {
            let address = address("/x", &[("first", &first), ("second", &second)]);
            prop_assert_eq!(parameter(&address, "first"), Some(first));
            prop_assert_eq!(parameter(&address, "second"), Some(second));
        }
    }
}
