//! A problem as text: the line it is in, and carets below it.

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use super::diagnostic::{Place, Problem};

/// More lines than this are not shown of one stretch.
const MAX_LINES: usize = 4;

/// Renders one problem, without a final line break.
pub(super) fn problem(problem: &Problem, coloured: bool) -> String {
    let renderer = if coloured {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    let mut group = Level::ERROR
        .primary_title(problem.message.as_str())
        .elements(None::<Snippet<'_, annotate_snippets::Annotation<'_>>>);
    let excerpt = problem.place.as_deref().map(Excerpt::of);
    if let (Some(excerpt), Some(place)) = (&excerpt, &problem.place) {
        let mut annotation = AnnotationKind::Primary.span(excerpt.span.clone());
        if let Some(label) = &problem.label {
            annotation = annotation.label(label.as_str());
        }
        group = group.element(
            Snippet::source(excerpt.text)
                .line_start(excerpt.line)
                .path(place.file.as_ref())
                .annotation(annotation),
        );
    }
    if let Some(help) = &problem.help {
        group = group.element(Level::HELP.with_name("hint").message(help.as_str()));
    }
    renderer.render(&[group])
}

/// The lines that a place stands in, so that a large text is not searched for each of its problems.
struct Excerpt<'a> {
    text: &'a str,
    line: usize,
    span: std::ops::Range<usize>,
}

impl<'a> Excerpt<'a> {
    fn of(place: &'a Place) -> Self {
        let text: &str = &place.text;
        let range = place.span.range();
        let start = text.floor_char_boundary(range.start);
        let mut end = text.floor_char_boundary(range.end).max(start);
        let from = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let mut breaks = text[start..].match_indices('\n').map(|(at, _)| start + at);
        // A stretch may go over many lines, e.g. a whole table: its first lines are enough.
        let last_line = breaks.nth(MAX_LINES - 1).unwrap_or(text.len());
        end = end.min(last_line);
        let to = text[end..].find('\n').map_or(text.len(), |at| end + at);
        let (line, _) = place.line_and_column();
        Self {
            text: &text[from..to],
            line: usize::try_from(line).unwrap_or(1),
            span: start - from..end - from,
        }
    }
}
