// The operator's page with a document and a server that are just enough for its script. Argument: the scenario. Prints OK.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import vm from "node:vm";

const page = readFileSync(new URL("../../../operator/Dashboard/dashboard.html", import.meta.url), "utf8");
const script = page.slice(page.indexOf("<script>") + "<script>".length, page.indexOf("</script>"));

class Element {
  constructor() { this.textContent = ""; this.className = ""; this.value = ""; this.hidden = true; this.children = []; this.handlers = {}; }
  setAttribute() {}
  append(...children) { this.children.push(...children); }
  replaceChildren(...children) { this.children = children; }
  addEventListener(name, handler) { this.handlers[name] = handler; }
}

function open(hash = "", search = "") {
  const elements = new Map();
  const store = new Map();
  const asked = [], timers = new Set(), patience = [], addresses = [];
  let timer = 0;
  const context = {
    Node: Element,
    console,
    document: {
      hidden: false,
      createElement: () => new Element(),
      createTextNode: text => Object.assign(new Element(), { textContent: text }),
      getElementById: id => elements.get(id) ?? elements.set(id, new Element()).get(id),
      getSelection: () => ({ isCollapsed: true }),
    },
    location: { hash, search, pathname: "/" },
    history: { replaceState: (_, __, address) => addresses.push(address) },
    URLSearchParams,
    sessionStorage: { getItem: key => store.get(key) ?? null, setItem: (key, value) => store.set(key, value) },
    AbortSignal: { timeout: () => { const one = new AbortController(); patience.push(one); return one.signal; } },
    fetch: (address, options) => new Promise((resolve, reject) => {
      options.signal?.addEventListener("abort", () => reject(options.signal.reason));
      asked.push({ address, options, answer: (status, body) => resolve({ status, ok: status < 300, text: async () => JSON.stringify(body), json: async () => body }) });
    }),
    setTimeout: () => { timers.add(++timer); return timer; },
    clearTimeout: one => timers.delete(one),
  };
  vm.runInNewContext(script, context);
  const submit = token => {
    elements.get("token") ?? context.document.getElementById("token");
    elements.get("token").value = token;
    elements.get("login").handlers.submit({ preventDefault() {} });
  };
  const choose = namespace => {
    elements.get("namespace").value = namespace;
    elements.get("where").handlers.submit({ preventDefault() {} });
  };
  return { elements, store, asked, timers, patience, addresses, submit, choose, element: context.document.getElementById };
}

// Everything that is due without time passing.
const settled = () => new Promise(resolve => setImmediate(resolve));

const scenarios = {
  async silent() {
    const { elements, asked, patience, timers } = open();
    asked[0].answer(200, []);
    await settled();
    assert.equal(elements.get("state").textContent, "0 fleets");
    const again = open();
    again.patience.forEach(one => one.abort(new Error("timed out")));
    await settled();
    assert.match(again.elements.get("state").textContent, /^no figures: /);
    assert.equal(again.timers.size, 1, "it asks again");
    assert.equal(patience.length + timers.size, 2);
  },
  async hasty() {
    const { elements, asked, timers, submit } = open();
    submit("one");
    submit("two");
    assert.equal(asked.length, 3);
    assert.equal(asked[2].options.headers.Authorization, "Bearer two");
    asked[2].answer(200, []);
    await settled();
    asked[0].answer(401, { detail: "who?" });
    asked[1].answer(401, { detail: "who?" });
    await settled();
    assert.equal(elements.get("state").textContent, "0 fleets", "an answer to an earlier token says nothing");
    assert.equal(elements.get("login").hidden, true);
    assert.equal(timers.size, 1, "one round of questions, whatever was typed");
  },
  async percent() {
    const { store, asked } = open("#token=100%25sure");
    assert.equal(store.get("token"), "100%sure");
    assert.equal(asked.length, 1);
    assert.equal(open("#token=100%sure").store.get("token"), "100%sure");
  },
  async namespace() {
    const all = open();
    assert.equal(all.asked[0].address, "api/v1/fleets");
    all.asked[0].answer(403, { detail: "you may not" });
    await settled();
    assert.equal(all.elements.get("state").textContent, "no figures: you may not; name a namespace that you may see");
    all.element("fleets").children = [new Element()];
    all.choose(" sh&op ");
    assert.equal(all.asked[1].address, "api/v1/fleets?namespace=sh%26op");
    assert.deepEqual(all.addresses, ["/?namespace=sh%26op"]);
    assert.equal(all.elements.get("fleets").children.length, 0, "what was shown is of another");
    assert.equal(all.timers.size, 0, "one round of questions");
    all.asked[1].answer(403, { detail: "you may not" });
    await settled();
    assert.equal(all.elements.get("state").textContent, "no figures: you may not");
    all.choose("");
    assert.equal(all.asked[2].address, "api/v1/fleets");
    const one = open("#token=secret", "?namespace=shop");
    assert.equal(one.asked[0].address, "api/v1/fleets?namespace=shop");
    assert.equal(one.elements.get("namespace").value, "shop");
    assert.deepEqual(one.addresses, ["/?namespace=shop"], "the token goes, and the namespace stays");
  },
};

await scenarios[process.argv[2]]();
console.log("OK");
