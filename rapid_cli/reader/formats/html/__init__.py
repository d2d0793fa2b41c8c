"""HTML: pages as the lines that a person sees.

Other formats are read by turning them into HTML first, so a rule of lines is written only here.
"""

from rapid_cli.reader.formats.html.page import html_lines

__all__ = ["html_lines"]
