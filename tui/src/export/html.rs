//! One page: the screens of a run, a slider for time, and nothing that has to be fetched.

use std::collections::BTreeMap;
use std::fmt::Write;

use ratatui::style::{Color, Modifier, Style};
use serde_json::json;

use super::{Film, Mark, MarkKind, Picture, SCREENS};
use crate::theme::{Glyph, Look, Theme};
use crate::widget::seconds;

const STYLE: &str = "\
body{font-family:system-ui,sans-serif;margin:1rem}pre{font:14px/1.25 ui-monospace,monospace;overflow-x:auto;padding:.5rem}\
button{font:inherit;padding:.3rem .7rem}button[aria-pressed=true]{font-weight:bold;text-decoration:underline}\
input{width:100%;margin:0}.b{font-weight:bold}.u{text-decoration:underline}\
#marks{position:relative;margin:0 8px;padding:0;list-style:none}#marks li{position:absolute;transform:translateX(-50%)}\
#marks button{padding:0;border:0;background:none;cursor:pointer;min-width:1rem;line-height:1.5rem}\
.broken{font-weight:bold}#marks li.broken{z-index:1}.r{background:currentColor}.r>i{font-style:normal}";

/// What is drawn for a dark terminal.
const DARK: &str = "\
:root{color-scheme:dark}body{background:#111;color:#eee}pre{background:#000}.done{color:#f8f}.broken{color:#f66}\
.black{color:#000}.red{color:#f66}.green{color:#6d6}.yellow{color:#ee6}.blue{color:#8af}.magenta{color:#f8f}\
.cyan{color:#6ee}.white{color:#fff}.r>i{color:#000}";

/// What is drawn for a light one.
const LIGHT: &str = "\
:root{color-scheme:light}body{background:#fff;color:#111}pre{background:#f6f6f6}.done{color:#a0a}.broken{color:#c00}\
.black{color:#000}.red{color:#c00}.green{color:#060}.yellow{color:#850}.blue{color:#04c}.magenta{color:#a0a}\
.cyan{color:#067}.white{color:#fff}.r>i{color:#fff}";

const SCRIPT: &str = "\
const slider=document.getElementById('slider'),picture=document.getElementById('picture'),\
time=document.getElementById('time'),buttons=[...document.querySelectorAll('#screens button')];let [index,screen]=opens;\
function show(){const f=frames[index];picture.innerHTML=f.p[screen].map(i=>rows[i]).join('\\n');time.textContent=f.t;slider.setAttribute('aria-valuetext',f.t);\
buttons.forEach((b,i)=>b.setAttribute('aria-pressed',i===screen))}\
function go(to){index=0;while(index+1<frames.length&&frames[index+1].m<=to)index++;show()}\
slider.addEventListener('input',()=>go(slider.value));\
slider.addEventListener('keydown',e=>{const by={ArrowLeft:-1,ArrowDown:-1,ArrowRight:1,ArrowUp:1}[e.key];if(!by)return;e.preventDefault();\
index=Math.min(frames.length-1,Math.max(0,index+by));slider.value=frames[index].m;show()});\
slider.addEventListener('change',()=>{slider.value=frames[index].m});\
document.querySelectorAll('#marks button').forEach(b=>b.addEventListener('click',()=>{slider.value=b.value;go(+b.value)}));\
buttons.forEach((b,i)=>b.addEventListener('click',()=>{screen=i;show()}));show();";

/// The page.
pub fn page(film: &Film, look: Look) -> String {
    // Most rows stand on many pictures: each is written once.
    let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
    let mut numbered = |row: String| {
        let next = numbers.len();
        *numbers.entry(row).or_insert(next)
    };
    let mut frames = Vec::new();
    for frame in &film.frames {
        let pictures = frame.pictures.iter();
        let pictures: Vec<Vec<usize>> =
            pictures.map(|picture| html_rows(picture).into_iter().map(&mut numbered).collect()).collect();
        frames.push(json!({ "m": frame.micros, "t": seconds(frame.micros), "p": pictures }));
    }
    let mut rows = vec![String::new(); numbers.len()];
    for (row, number) in numbers {
        rows[number] = row;
    }
    let data = json!(frames).to_string();
    // A script ends at `</script>`, wherever that stands.
    let rows = json!(rows).to_string().replace("</", "<\\/");
    let buttons: String = SCREENS.iter().map(|screen| format!("<button>{}</button>\n", screen.name())).collect();
    let (title, range) = (escaped(&film.title), escaped(&film.range));
    // The slider is time: a pause of nine seconds is as long on it as it was. Arrow keys go from picture to picture.
    let first = film.frames.first().map_or(0, |frame| frame.micros);
    let last = film.frames.last().map_or(first, |frame| frame.micros);
    let here = film.frames.get(film.opens.0).map_or(first, |frame| frame.micros);
    let (marks, legend) = (marks(film, look, (first, last)), legend(film, look));
    let opens = json!(film.opens);
    let colours = if look.theme == Theme::Light { LIGHT } else { DARK };
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n<style>{STYLE}{colours}</style>\n\
         <h1>{title}</h1>\n<p id=\"screens\">{buttons}</p>\n\
         <input type=\"range\" id=\"slider\" min=\"{first}\" max=\"{last}\" value=\"{here}\" \
         aria-label=\"time in the run\">\n{marks}\
         <p><output id=\"time\"></output> {legend}<small>{range}; the slider stops at each.</small></p>\n<pre id=\"picture\"></pre>\n\
         <script>const frames={data},rows={rows},opens={opens};\n{SCRIPT}</script>\n</html>\n"
    )
}

/// The sign of a mark, as in the window, its class, and what it stands for.
fn sign(kind: MarkKind, look: Look) -> (char, &'static str, &'static str) {
    match kind {
        MarkKind::Done => (look.sign(Glyph::Fault), "done", "done to the world"),
        MarkKind::Broken => (look.sign(Glyph::No), "broken", "a promise broken"),
    }
}

/// The marks below the slider, each where its time is: a click on one goes there, and it says what it stands for.
fn marks(film: &Film, look: Look, (first, last): (i64, i64)) -> String {
    if film.marks.is_empty() {
        return String::new();
    }
    let length = (last - first).max(1) as f64;
    let place = |mark: &Mark| 100.0 * (mark.micros - first) as f64 / length;
    let rows = rows_of(&film.marks.iter().map(place).collect::<Vec<f64>>());
    let mark = |(mark, row): (&Mark, &usize)| {
        let (sign, class, means) = sign(mark.kind, look);
        let (place, top) = (place(mark), *row as f64 * ROW);
        let words = escaped(&format!("{} {means}: {}", seconds(mark.micros), mark.words));
        let micros = mark.micros;
        format!(
            "<li class=\"{class}\" style=\"left:{place:.3}%;top:{top}rem\"><button class=\"{class}\" value=\"{micros}\" \
             title=\"{words}\" aria-label=\"{words}\">{sign}</button></li>\n"
        )
    };
    let marks: String = film.marks.iter().zip(&rows).map(mark).collect();
    let height = (rows.iter().max().unwrap_or(&0) + 1) as f64 * ROW;
    format!(
        "<ul id=\"marks\" style=\"height:{height}rem\" aria-label=\"what was done, and which promises were broken\">\n{marks}</ul>\n"
    )
}

/// How high a row of marks is, in the page's own size of letters.
const ROW: f64 = 1.5;

/// Marks in one row are at least so far from each other, in hundredths of the slider: what is nearer cannot be clicked.
const APART: f64 = 2.0;

/// More rows than these are no slider any more: what has no room in them stands where the row's last one is farthest away.
const MOST_ROWS: usize = 4;

/// In which row each mark stands, the first that has room for it.
fn rows_of(places: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..places.len()).collect();
    order.sort_by(|one, other| places[*one].total_cmp(&places[*other]));
    let mut lasts: Vec<f64> = Vec::new();
    let mut rows = vec![0; places.len()];
    for index in order {
        let free = lasts.iter().position(|last| places[index] - last >= APART);
        let row = match free {
            None if lasts.len() < MOST_ROWS => {
                lasts.push(places[index]);
                lasts.len() - 1
            }
            None => (0..lasts.len()).min_by(|one, other| lasts[*one].total_cmp(&lasts[*other])).unwrap_or(0),
            Some(row) => row,
        };
        (lasts[row], rows[index]) = (places[index], row);
    }
    rows
}

/// What the signs below the slider mean, of those that are there.
fn legend(film: &Film, look: Look) -> String {
    let kinds = [MarkKind::Done, MarkKind::Broken].into_iter();
    let kinds = kinds.filter(|kind| film.marks.iter().any(|mark| mark.kind == *kind));
    let words = kinds.map(|kind| {
        let (sign, class, means) = sign(kind, look);
        format!("<small class=\"legend\"><span class=\"{class}\">{sign}</span> {means}.</small> ")
    });
    words.collect()
}

/// The rows of a picture as they stand in a `<pre>`.
fn html_rows(picture: &Picture) -> Vec<String> {
    let mut rows = Vec::new();
    for row in &picture.rows {
        let mut html = String::new();
        for words in row {
            let text = escaped(&words.text);
            let classes = classes(words.style);
            let is_reversed = words.style.add_modifier.contains(Modifier::REVERSED);
            let _ = match (classes.is_empty(), is_reversed) {
                (true, _) => write!(html, "{text}"),
                (false, false) => write!(html, "<span class=\"{classes}\">{text}</span>"),
                (false, true) => write!(html, "<span class=\"{classes}\"><i>{text}</i></span>"),
            };
        }
        let end = html.trim_end_matches(' ').len();
        html.truncate(end);
        rows.push(html);
    }
    rows
}

/// The classes of a style: its colour, and what stands out.
fn classes(style: Style) -> String {
    let colour = match style.fg {
        Some(Color::Black) => "black",
        Some(Color::Red | Color::LightRed) => "red",
        Some(Color::Green | Color::LightGreen) => "green",
        Some(Color::Yellow | Color::LightYellow) => "yellow",
        Some(Color::Blue | Color::LightBlue) => "blue",
        Some(Color::Magenta | Color::LightMagenta) => "magenta",
        Some(Color::Cyan | Color::LightCyan) => "cyan",
        Some(Color::White) => "white",
        _ => "",
    };
    let has = |modifier: Modifier, class: &'static str| if style.add_modifier.contains(modifier) { class } else { "" };
    let all = [colour, has(Modifier::BOLD, "b"), has(Modifier::UNDERLINED, "u"), has(Modifier::REVERSED, "r")];
    all.into_iter().filter(|class| !class.is_empty()).collect::<Vec<_>>().join(" ")
}

pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two deeds within a second of a minute are two marks, each of which can be clicked.
    #[test]
    fn marks_that_are_close_together_stand_below_each_other() {
        assert_eq!(rows_of(&[0.0, 10.0, 11.0, 11.5, 14.0]), [0, 0, 1, 2, 0]);
        assert_eq!(rows_of(&[11.0, 10.0]), [1, 0], "the earlier one stands above");
        let crowd = rows_of(&[5.0, 5.1, 5.2, 5.3, 5.4, 5.5]);
        assert_eq!(crowd, [0, 1, 2, 3, 0, 1], "and a crowd takes no more than four rows");
    }
}
