//! A paper as PDF, on one page of A4. Its letters come with it: Latin, Greek, Cyrillic, and the Chinese that names and texts
//! are written in (`fonts/`). A character that is in neither font is a box, and can still be copied as what it is.

use krilla::Document;
use krilla::color::rgb;
use krilla::geom::{PathBuilder, Point, Rect};
use krilla::metadata::{DateTime, Metadata};
use krilla::num::NormalizedF32;
use krilla::page::PageSettings;
use krilla::paint::{Fill, FillRule};
use krilla::surface::Surface;
use krilla::text::{Font, GlyphId, KrillaGlyph};
use skrifa::charmap::Charmap;
use skrifa::instance::{LocationRef, Size};
use skrifa::metrics::GlyphMetrics;
use skrifa::{FontRef, MetadataProvider};
use unicode_normalization::UnicodeNormalization;

use super::paper::Paper;
use super::sheet::Sheet;
use crate::i18n::{Text, current_language, t};

const REGULAR: &[u8] = include_bytes!("fonts/regular.ttf");
const BOLD: &[u8] = include_bytes!("fonts/bold.ttf");
const CHINESE: &[u8] = include_bytes!("fonts/chinese.otf");

/// A4, in points.
const WIDTH: f32 = 595.28;
const HEIGHT: f32 = 841.89;
const MARGIN: f32 = 56.0;
const RIGHT: f32 = WIDTH - MARGIN;
/// Where the second column begins.
const MIDDLE: f32 = 320.0;
/// Room for what a fact is called, beside the fact.
const NAME_WIDTH: f32 = 72.0;
const INK: (u8, u8, u8) = (34, 30, 25);
const SOFT: (u8, u8, u8) = (95, 87, 75);
const LINE: (u8, u8, u8) = (200, 191, 178);

/// Writes it, in the language of whoever reads it.
///
/// # Errors
/// For the log: the fonts are part of the program, so it does not happen.
pub fn write(paper: &Paper) -> Result<Vec<u8>, String> {
    let sheet = Sheet::of(paper);
    let fonts = Fonts::load().ok_or("a font cannot be read")?;
    let mut document = Document::new();
    let title = format!("{} {}", sheet.title, sheet.number);
    let metadata = Metadata::new().title(title).authors(vec![sheet.seller.first().cloned().unwrap_or_default()]);
    let metadata = metadata.language(current_language().code().to_owned()).creator("Tessera".to_owned());
    document.set_metadata(metadata.creation_date(moment(paper.issued_at)));
    let mut page = document.start_page_with(PageSettings::from_wh(WIDTH, HEIGHT).ok_or("a page has no size")?);
    let mut surface = page.surface();
    Canvas { surface: &mut surface, fonts: &fonts }.draw(&sheet);
    surface.finish();
    page.finish();
    document.finish().map_err(|error| format!("{error:?}"))
}

fn moment(at: i64) -> DateTime {
    let utc = jiff::Timestamp::from_millisecond(at).unwrap_or_default().to_zoned(jiff::tz::TimeZone::UTC);
    let small = |number: i8| u8::try_from(number).unwrap_or_default();
    let date = DateTime::new(u16::try_from(utc.year()).unwrap_or_default()).month(small(utc.month()));
    date.day(small(utc.day())).hour(small(utc.hour())).minute(small(utc.minute())).second(small(utc.second()))
}

/// A font as it is embedded, and as it is asked.
struct Face {
    font: Font,
    letters: Charmap<'static>,
    widths: GlyphMetrics<'static>,
}

impl Face {
    fn load(data: &'static [u8]) -> Option<Self> {
        let font = Font::new(data.into(), 0)?;
        let read = FontRef::new(data).ok()?;
        let widths = read.glyph_metrics(Size::new(1.0), LocationRef::default());
        Some(Self { font, letters: read.charmap(), widths })
    }
}

struct Fonts {
    regular: Face,
    bold: Face,
    chinese: Face,
}

/// A piece of a line in one font.
struct Run<'a> {
    face: &'a Face,
    text: String,
    glyphs: Vec<KrillaGlyph>,
    /// For a size of one point.
    width: f32,
}

impl Fonts {
    fn load() -> Option<Self> {
        Some(Self { regular: Face::load(REGULAR)?, bold: Face::load(BOLD)?, chinese: Face::load(CHINESE)? })
    }

    /// The letters of a text, font by font.
    fn runs(&self, text: &str, is_bold: bool) -> Vec<Run<'_>> {
        let own = if is_bold { &self.bold } else { &self.regular };
        let mut runs: Vec<Run<'_>> = Vec::new();
        for letter in text.nfc().filter(|letter| is_shown(*letter)) {
            let letter = if letter.is_whitespace() { ' ' } else { letter };
            let found = [own, &self.chinese].into_iter().find_map(|face| Some((face, face.letters.map(letter)?)));
            let (face, id) = found.unwrap_or((own, skrifa::GlyphId::NOTDEF));
            let width = face.widths.advance_width(id).unwrap_or_default();
            if !runs.last().is_some_and(|run| std::ptr::eq(run.face, face)) {
                runs.push(Run { face, text: String::new(), glyphs: Vec::new(), width: 0.0 });
            }
            let Some(run) = runs.last_mut() else { continue };
            let start = run.text.len();
            run.text.push(letter);
            run.width += width;
            run.glyphs.push(KrillaGlyph {
                glyph_id: GlyphId::new(id.to_u32()),
                text_range: start..run.text.len(),
                x_advance: width,
                x_offset: 0.0,
                y_offset: 0.0,
                y_advance: 0.0,
                location: None,
            });
        }
        runs
    }

    fn width(&self, text: &str, style: Style) -> f32 {
        self.runs(text, style.is_bold).iter().map(|run| run.width * style.size).sum()
    }

    /// A text in lines that are no wider: broken at spaces, and within a word where there is none.
    fn wrap(&self, text: &str, style: Style, most: f32) -> Vec<String> {
        let mut lines = vec![String::new()];
        for word in text.split_inclusive(|letter: char| letter == ' ' || letter >= '\u{2e80}') {
            let Some(line) = lines.last_mut() else { break };
            let longer = format!("{line}{word}");
            if self.width(longer.trim_end(), style) <= most {
                *line = longer;
                continue;
            }
            if !line.is_empty() {
                lines.push(String::new());
            }
            for letter in word.chars() {
                let Some(line) = lines.last_mut() else { break };
                let longer = format!("{line}{letter}");
                if line.is_empty() || self.width(longer.trim_end(), style) <= most {
                    *line = longer;
                } else {
                    lines.push(letter.to_string());
                }
            }
        }
        lines.into_iter().map(|line| line.trim_end().to_owned()).collect()
    }
}

/// Nothing that cannot be seen, and nothing that turns a line around.
fn is_shown(letter: char) -> bool {
    let turns =
        matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    !turns && (!letter.is_control() || letter.is_whitespace())
}

#[derive(Clone, Copy)]
struct Style {
    size: f32,
    is_bold: bool,
    color: (u8, u8, u8),
}

const BODY: Style = Style { size: 10.0, is_bold: false, color: INK };
const LABEL: Style = Style { color: SOFT, size: 8.5, ..BODY };
const STRONG: Style = Style { is_bold: true, ..BODY };
const TITLE: Style = Style { size: 22.0, is_bold: true, color: INK };

struct Canvas<'a, 'page> {
    surface: &'a mut Surface<'page>,
    fonts: &'a Fonts,
}

impl Canvas<'_, '_> {
    fn draw(&mut self, sheet: &Sheet) {
        let mut y = MARGIN + 12.0;
        for (n, line) in sheet.seller.iter().enumerate() {
            let style = if n == 0 { STRONG } else { LABEL };
            y = self.block(line, MARGIN, y, RIGHT - MARGIN, style);
        }
        y += 34.0;
        self.text(&sheet.title, MARGIN, y, TITLE);
        y += 40.0;
        let top = y;
        self.text(t(Text::BilledTo), MARGIN, y, LABEL);
        y += 16.0;
        for line in &sheet.buyer {
            y = self.block(line, MARGIN, y, MIDDLE - MARGIN - 24.0, BODY);
        }
        let mut beside = top;
        for (name, value) in &sheet.facts {
            self.text(name, MIDDLE, beside, LABEL);
            for line in self.fonts.wrap(value, BODY, RIGHT - MIDDLE - NAME_WIDTH) {
                self.right(&line, RIGHT, beside, BODY);
                beside += 16.0;
            }
        }
        y = y.max(beside) + 34.0;
        self.text(t(Text::PaperItem), MARGIN, y, LABEL);
        self.right(t(Text::PaperAmount), RIGHT, y, LABEL);
        y += 9.0;
        self.rule(MARGIN, y);
        y += 19.0;
        self.right(&sheet.amount, RIGHT, y, BODY);
        y = self.block(&sheet.item, MARGIN, y, MIDDLE - MARGIN + 80.0, BODY);
        self.rule(MARGIN, y - 4.0);
        y += 15.0;
        for (name, value) in &sheet.sums {
            self.text(name, MIDDLE, y, BODY);
            self.right(value, RIGHT, y, BODY);
            y += 17.0;
        }
        if !sheet.sums.is_empty() {
            self.rule(MIDDLE, y - 10.0);
            y += 6.0;
        }
        self.text(t(Text::Total), MIDDLE, y, STRONG);
        self.right(&sheet.total, RIGHT, y, STRONG);
        y += 44.0;
        for note in &sheet.notes {
            y = self.block(note, MARGIN, y, RIGHT - MARGIN, BODY);
        }
        self.block(&sheet.footer, MARGIN, HEIGHT - MARGIN, RIGHT - MARGIN, LABEL);
    }

    fn color(&mut self, (red, green, blue): (u8, u8, u8)) {
        let paint = rgb::Color::new(red, green, blue).into();
        self.surface.set_fill(Some(Fill { paint, opacity: NormalizedF32::ONE, rule: FillRule::default() }));
    }

    fn text(&mut self, text: &str, mut x: f32, y: f32, style: Style) {
        self.color(style.color);
        for run in self.fonts.runs(text, style.is_bold) {
            let start = Point::from_xy(x, y);
            self.surface.draw_glyphs(start, &run.glyphs, run.face.font.clone(), &run.text, style.size, false);
            x += run.width * style.size;
        }
    }

    /// The same, with its end at `x`.
    fn right(&mut self, text: &str, x: f32, y: f32, style: Style) {
        let width = self.fonts.width(text, style);
        self.text(text, x - width, y, style);
    }

    /// The same in as many lines as it takes; where the next one would begin.
    fn block(&mut self, text: &str, x: f32, mut y: f32, most: f32, style: Style) -> f32 {
        for line in self.fonts.wrap(text, style, most) {
            self.text(&line, x, y, style);
            y += style.size * 1.5;
        }
        y
    }

    /// A thin line from `x` to the right margin.
    fn rule(&mut self, x: f32, y: f32) {
        self.color(LINE);
        let mut path = PathBuilder::new();
        if let Some(rect) = Rect::from_xywh(x, y, RIGHT - x, 0.6) {
            path.push_rect(rect);
        }
        if let Some(path) = path.finish() {
            self.surface.draw_path(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_breaks_at_spaces_or_where_it_must() {
        let fonts = Fonts::load().unwrap();
        let lines = fonts.wrap("Mosaic Studio for Ancient and Modern Glass", BODY, 120.0);
        assert!(lines.len() > 1 && lines.iter().all(|line| fonts.width(line, BODY) <= 120.0), "{lines:?}");
        assert_eq!(lines.join(" "), "Mosaic Studio for Ancient and Modern Glass");
        for long in ["a".repeat(90), "马赛克".repeat(30)] {
            let lines = fonts.wrap(&long, BODY, 120.0);
            assert!(lines.len() > 2 && lines.iter().all(|line| fonts.width(line, BODY) <= 120.0), "{lines:?}");
            assert_eq!(lines.concat(), long);
        }
        assert_eq!(fonts.wrap("", BODY, 120.0), [""]);
    }

    #[test]
    fn names_of_the_languages_here_have_their_letters() {
        let fonts = Fonts::load().unwrap();
        let is_known = |text: &str| {
            let runs = fonts.runs(text, false);
            runs.iter().flat_map(|run| &run.glyphs).all(|glyph| glyph.glyph_id.to_u32() != 0)
        };
        for name in ["Łukasz Żółć", "Søren Ærø", "İbrahim Şağ", "Nguyễn Thị", "Ωμέγα", "Жанна Їжак", "€ 20 · № 1"]
        {
            assert!(is_known(name), "{name}");
        }
        for name in ["王小明", "李喆", "歐陽菲菲", "上海市浦东新区世纪大道1号", "税号：一二三（发票）", "山田カナ"]
        {
            assert!(is_known(name), "{name}");
        }
        // Still one glyph for each, and nothing that turns the line around.
        assert!(!is_known("كريم") && fonts.runs("a\u{202e}b\u{200b}c\n", false)[0].text == "abc ");
    }
}
