"""The pages of a study: one summary as HTML, Markdown, CSV and JSON, with figures and a gallery."""
