// The editor of a cell: CodeMirror, coloured by the classes that the book's own code has.

import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { python } from "@codemirror/lang-python";
import { bracketMatching, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { EditorView, keymap } from "@codemirror/view";
import { tagHighlighter, tags } from "@lezer/highlight";

// Pygments' names for what the Python grammar tells apart.
const classes = tagHighlighter([
  { tag: tags.comment, class: "c1" },
  { tag: tags.string, class: "s2" },
  { tag: tags.special(tags.string), class: "si" },
  { tag: tags.number, class: "mi" },
  { tag: tags.bool, class: "kc" },
  { tag: tags.null, class: "kc" },
  { tag: tags.keyword, class: "k" },
  { tag: tags.moduleKeyword, class: "kn" },
  { tag: tags.definitionKeyword, class: "k" },
  { tag: tags.operatorKeyword, class: "ow" },
  { tag: tags.operator, class: "o" },
  { tag: tags.punctuation, class: "p" },
  { tag: tags.bracket, class: "p" },
  { tag: tags.meta, class: "nd" },
  { tag: tags.function(tags.definition(tags.variableName)), class: "nf" },
  { tag: tags.className, class: "nc" },
  { tag: tags.variableName, class: "n" },
  { tag: tags.propertyName, class: "n" },
]);

// Puts an editor into an element. `run` answers Shift-Enter, `leave` Escape, `changed` every change.
export function openEditor(parent, code, { label, run, leave, changed }) {
  const command = (action) => () => {
    action();
    return true;
  };
  const view = new EditorView({
    parent,
    doc: code,
    extensions: [
      keymap.of([
        { key: "Shift-Enter", run: command(run) },
        { key: "Mod-Enter", run: command(run) },
        { key: "Escape", run: command(leave) },
        indentWithTab,
        ...historyKeymap,
        ...defaultKeymap,
      ]),
      history(),
      python(),
      indentUnit.of("    "),
      indentOnInput(),
      bracketMatching(),
      syntaxHighlighting(classes),
      EditorView.contentAttributes.of({ "aria-label": label }),
      EditorView.updateListener.of((update) => update.docChanged && changed(view.state.doc.toString())),
    ],
  });
  return {
    focus: () => view.focus(),
    close: () => {
      view.destroy();
      parent.remove();
    },
  };
}
