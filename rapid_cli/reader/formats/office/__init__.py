"""Files of office programs beside Word's: slides, sheets, tables, RTF and OpenDocument."""
