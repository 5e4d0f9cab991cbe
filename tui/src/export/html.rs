//! One page: the screens of a run, a slider for time, and nothing that has to be fetched.

use std::fmt::Write;

use ratatui::style::{Color, Modifier, Style};
use serde_json::json;

use super::{Film, Picture, SCREENS};
use crate::widget::seconds;

const STYLE: &str = "\
:root{color-scheme:dark}body{background:#111;color:#eee;font-family:system-ui,sans-serif;margin:1rem}\
pre{font:14px/1.25 ui-monospace,monospace;overflow-x:auto;background:#000;padding:.5rem}\
button{font:inherit;padding:.3rem .7rem}button[aria-pressed=true]{font-weight:bold;text-decoration:underline}\
input{width:100%}.b{font-weight:bold}.u{text-decoration:underline}\
.black{color:#000}.red{color:#f66}.green{color:#6d6}.yellow{color:#ee6}.blue{color:#8af}.magenta{color:#f8f}\
.cyan{color:#6ee}.white{color:#fff}.r{background:currentColor}.r>i{color:#000;font-style:normal}";

const SCRIPT: &str = "\
const slider=document.getElementById('slider'),picture=document.getElementById('picture'),\
time=document.getElementById('time'),buttons=[...document.querySelectorAll('button')];let screen=0,index=0;\
function show(){const f=frames[index];picture.innerHTML=f.p[screen];time.textContent=f.t;\
buttons.forEach((b,i)=>b.setAttribute('aria-pressed',i===screen))}\
slider.addEventListener('input',()=>{index=0;while(index+1<frames.length&&frames[index+1].m<=slider.value)index++;show()});\
slider.addEventListener('keydown',e=>{const by={ArrowLeft:-1,ArrowDown:-1,ArrowRight:1,ArrowUp:1}[e.key];if(!by)return;e.preventDefault();\
index=Math.min(frames.length-1,Math.max(0,index+by));slider.value=frames[index].m;show()});\
slider.addEventListener('change',()=>{slider.value=frames[index].m});\
buttons.forEach((b,i)=>b.addEventListener('click',()=>{screen=i;show()}));show();";

/// The page.
pub fn page(film: &Film) -> String {
    let frames: Vec<_> = film
        .frames
        .iter()
        .map(|frame| json!({ "m": frame.micros, "t": seconds(frame.micros), "p": frame.pictures.iter().map(picture).collect::<Vec<_>>() }))
        .collect();
    // A script ends at `</script>`, wherever that stands.
    let data = json!(frames).to_string().replace("</", "<\\/");
    let buttons: String = SCREENS.iter().map(|screen| format!("<button>{}</button>\n", screen.name())).collect();
    let (title, range) = (escaped(&film.title), escaped(&film.range));
    // The slider is time: a pause of nine seconds is as long on it as it was. Arrow keys go from picture to picture.
    let first = film.frames.first().map_or(0, |frame| frame.micros);
    let last = film.frames.last().map_or(first, |frame| frame.micros);
    let marks: String = film.marks.iter().map(|mark| format!("<option value=\"{mark}\"></option>")).collect();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n<style>{STYLE}</style>\n\
         <h1>{title}</h1>\n<p>{buttons}</p>\n\
         <input type=\"range\" id=\"slider\" list=\"marks\" min=\"{first}\" max=\"{last}\" value=\"{first}\" \
         aria-label=\"time in the run, in microseconds\">\n<datalist id=\"marks\">{marks}</datalist>\n\
         <p><output id=\"time\"></output> <small>{range}; the slider stops at each.</small></p>\n<pre id=\"picture\"></pre>\n\
         <script>const frames={data};\n{SCRIPT}</script>\n</html>\n"
    )
}

/// A picture as what stands in a `<pre>`.
fn picture(picture: &Picture) -> String {
    let mut html = String::new();
    for row in &picture.rows {
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
        html.push('\n');
    }
    html
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
