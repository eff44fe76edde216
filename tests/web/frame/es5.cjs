// Reads {name: script} and prints {name: {errors, names}}: what acorn says about each as ES5, and the names of what it
// calls, makes, or reads properties of.
const { createRequire } = require("module");
const from = createRequire(require("path").join(__dirname, "../../clients/package.json"));
const { parse } = from("acorn"), { full } = from("acorn-walk");
const texts = JSON.parse(require("fs").readFileSync(0, "utf8"));
const found = {};
for (const [name, text] of Object.entries(texts)) {
  const result = (found[name] = { errors: [], names: [] });
  try {
    full(parse(text, { ecmaVersion: 5 }), (node) => {
      const used = node.type === "MemberExpression" ? node.object : /^(Call|New)Expression$/.test(node.type) ? node.callee : null;
      if (!used) return;
      if (used.type === "Identifier") result.names.push(used.name);
      if (used.type === "MemberExpression" && !used.computed && used === node.callee) result.names.push(used.property.name);
    });
  } catch (error) {
    result.errors.push(String(error));
  }
}
console.log(JSON.stringify(found));
