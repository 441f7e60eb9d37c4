package upstream

import (
	"strings"
	"testing"
)

// everyday is what stands in tickets, mails, CRM records, chats and code, and is
// no attack: nothing of it may be marked.
var everyday = []string{
	// support
	"The export times out after 30 s. The system: Windows 11, Chrome 131.",
	"Please ignore my previous e-mail, I found the invoice.",
	"Please ignore the previous message, wrong channel.",
	"You can ignore this warning; the instructions are in the manual.",
	"Customer says: \"I followed all the instructions above and it still fails\".",
	"Please follow the instructions below to reset your password.",
	"Our instructions say to ignore error 502 and try again.",
	"You are now subscribed to the newsletter. You can unsubscribe at any time.",
	"You are now logged in as jane@acme.example.",
	"You are now connected with Sam. How can I help?",
	"You are now the owner of this workspace.",
	"You are now a member of the group Finance.",
	"From now on you will receive invoices by e-mail.",
	"From now on, you must enter a purchase order number.",
	"Do not tell anyone your password.",
	"Do not show the user menu on mobile.",
	"Never share your PIN. We will never ask for it.",
	"I forgot my password and the reset mail never arrived.",
	"Forget it, solved. Thanks all!",
	"Ticket #4711 <urgent>: see [INC-2031] and [1].",
	"Steps: 1) open settings 2) press [Save] 3) see <Error 500>",
	"Agent: Hello, how can I help?\nCustomer: My order is late.\nAgent: Let me check.",
	"[2026-11-24 09:12:03] ERROR system: disk full",
	"Could you print the instructions for the dishwasher?",
	"Show me the original invoice, please.",
	"Your new role is Sales Manager; your new laptop arrives on Monday.",
	"The system administrator will override the price list.",
	"Bypass valve: see all service bulletins.",
	"Model: X200\nFunction: Head of IT\nOS: Ubuntu 24.04",
	"Tool: hammer. Response: none. Input: 230 V.",
	// mails
	"Hi Anna,\n\nthanks for the call. As discussed I attach the offer.\n\nBest regards\nJohn Smith <john.smith@acme.example>",
	"On Tue, Nov 24, 2026 at 9:00 AM Jane <jane@acme.example> wrote:\n> Thanks!\n> > See you\n> Jane",
	"-----Original Message-----\nFrom: Bob\nSent: Monday\nTo: Sales\nSubject: RE: Quote",
	"This e-mail and any attachments are confidential. If you are not the intended recipient, disregard this message and delete it.",
	"If you are an existing customer, please log in first.",
	// CRM
	"Acme Corp (EMEA) | Q4/2026 | EUR 12.500,00 | stage: negotiation & review",
	"Decision maker: Dr. Müller; next step: demo on 3 Dec, 14:00–15:00.",
	"Lead source=webinar; utm_campaign=\"all_previous_users\"",
	"Budget: $40k–$60k; competitors: <5; probability >70 %",
	"+49 (30) 901820-0, +1-202-555-0143, \u202a+33 1 23 45 67 89\u202c",
	// code
	"SELECT user, count(*) FROM events WHERE system = 'web' AND n < 5 GROUP BY 1; -- ignore nulls",
	"if (a < b && c > d) { return list[i]; }",
	"for i := 0; i < len(s); i++ { system(s[i]) }",
	"#include <stdio.h>\n#include <sys/types.h>\nint main(void) { return 0; }",
	"conf := Config{\n\tUser: \"jane\",\n\tSystem: x,\n}\nai := 3",
	"List<Tool> tools = new ArrayList<Tool>(); Optional<Function> f;",
	"The tests discard before each run; we ignore before and after hooks.",
	"Map<String, List<Integer>> m = new HashMap<>();",
	"std::function<void(int)> f; template<class T> struct S {};",
	"let f = xs |> List.map g <| ys",
	"services:\n  web:\n    user: postgres\n    system: true\n",
	"system:serviceaccount:default:builder cannot list pods",
	"user:password@host:5432/db",
	"{\"role\": \"user\", \"content\": \"hello\"}",
	"{\n  \"user\": \"jane\",\n  \"system\": \"crm\"\n}",
	"git clone git@github.com:<org>/<repo>.git && ssh <user>@<host>",
	"arr[0] = x[inst_id]; a[sys] = 1",
	"# Title\n\n## Instructions\n\n- step *one*\n- step **two**\n\n| a | b |\n|---|---|\n",
	"@Override public void run() {} // overrides the prompt of the parent",
	"export PS1='\\u@\\h:\\w\\$ '; echo ${PATH}",
	"diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1,3 +1,3 @@\n-<b>old</b>\n+<b>new</b>",
	"<system.webServer><handlers/></system.webServer>",
	"<p>Hello <b>world</b>, see <a href=\"https://acme.example\">here</a><br/></p><ul><li>x</li></ul>",
	"<?xml version=\"1.0\"?><order id=\"7\"><item>5</item></order>",
	"regex: ^\\[([A-Z]+)\\] <(.*?)>$",
	// other languages
	"Bitte ignorieren Sie meine vorherige E-Mail. Mit freundlichen Grüßen, Jürgen Groß",
	"Die Anweisungen im Handbuch sind falsch; alle vorherigen Bestellungen sind bezahlt.",
	"Système: Windows 11 — les consignes précédentes restent valables, n'oubliez pas la réunion.",
	"¿Puedes enviarme las instrucciones? ¡Gracias!",
	"Żółw, čeština, smörgåsbord, ñandú, İstanbul, œuvre, straße",
	"お世話になっております。前回の指示どおりに進めます。【重要】会議は15時です。",
	"请按照以上说明操作，谢谢。《红楼梦》",
	"안녕하세요, 이전 지시대로 진행하겠습니다.",
	"Здравствуйте! Система: не работает экспорт. Спасибо.",
	"Γεια σας, το σύστημα δεν λειτουργεί.",
	"שלום, הזמנה מספר 4711 לא הגיעה. תודה\u200f!",
	"مرحبا، الطلب رقم ٤٧١١ لم يصل بعد. می\u200cخواهم",
	"नमस्ते, मेरा ऑर्डर क्\u200dष नहीं आया।",
	"สวัสดีครับ ระบบใช้งานไม่ได้",
	// emoji and marks
	"Great job 🎉🎉 👨\u200d👩\u200d👧\u200d👦 ❤\ufe0f\u200d🔥 👍🏽 🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f 🇩🇪 1\ufe0f\u20e3",
	"¯\\_(ツ)_/¯ (╯°□°)╯︵ ┻━┻ :-) <3 ;) → ← ⇒ • · … “quoted” ‘x’ – — ½ € £ °C ™",
	"Zeile mit weichem Trenn\u00adstrich und\u00a0geschütztem Leerzeichen",
	"«Bonjour» ‹x› „so“ »oder« so",
	"2 < 3 > 1; x<-5; a->b; <=>; <>; <-; [ ]; [x]; ###; ***",
}

// tolerated is as ordinary, and is marked all the same: what begins a line like a
// turn, or reads like an order, cannot be told from one. What is done to it is all
// that is done.
var tolerated = map[string]string{
	"System: Ubuntu 24.04, 16 GB":                              "(System:) Ubuntu 24.04, 16 GB",
	"User: jane@acme.example":                                  "(User:) jane@acme.example",
	"Assistant: Mrs. Brown, phone 12":                          "(Assistant:) Mrs. Brown, phone 12",
	"Please disregard the above, I found it.":                  "Please [!] disregard the above, I found it.",
	"Don't notify the user when a job is retried.":             "[!] Don't notify the user when a job is retried.",
	"The price was <s>100</s> 80":                              "The price was <[!]s>100<[!]/s> 80",
	"The parser of <tool_call> tags drops [INST]":              "The parser of <[!]tool_call> tags drops [[!]INST]",
	"How do I stop people typing ignore previous instructions": "How do I stop people typing [!] ignore previous instructions",
}

func TestDefangLeavesEverydayTextsAlone(t *testing.T) {
	if len(everyday) < 60 {
		t.Fatalf("%d texts are no sample", len(everyday))
	}
	touched := 0
	for _, s := range everyday {
		want := strings.Map(func(r rune) rune {
			if Invisible(r) {
				return -1
			}
			return r
		}, s)
		if got := CleanLines(s, 1000); got != want {
			touched++
			t.Errorf("CleanLines(%q) = %q", s, got)
		}
		if got, want := Clean(s, 1000), strings.Join(strings.FieldsFunc(want, func(r rune) bool { return strings.ContainsRune(" \n\t", r) }), " "); got != want {
			t.Errorf("Clean(%q) = %q", s, got)
		}
	}
	for s, want := range tolerated {
		if got := Clean(s, 1000); got != want {
			t.Errorf("Clean(%q) = %q, want %q", s, got, want)
		}
	}
	t.Logf("%d everyday texts, %d touched; %d more are marked on purpose", len(everyday), touched, len(tolerated))
}
