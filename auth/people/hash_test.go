package people_test

import (
	"strings"
	"testing"

	"toolvault/auth/people"
)

func TestHashesThatAreTaken(t *testing.T) {
	phc, err := people.Hash([]byte(password))
	if err != nil || !strings.HasPrefix(phc, "$argon2id$v=19$m=65536,t=3,p=4$") {
		t.Fatalf("%s, %v", phc, err)
	}
	if again, err := people.Hash([]byte(password)); err != nil || again == phc {
		t.Errorf("the same salt twice: %v", err)
	}
	if _, err := people.Hash([]byte("password1")); err == nil {
		t.Error("a password that is tried first was hashed")
	}
	for _, good := range []string{
		phc,
		"$argon2id$v=19$m=8192,t=1,p=1$MDEyMzQ1Njc$MDEyMzQ1Njc4OWFiY2RlZg",
		"$argon2id$v=19$m=1048576,t=4,p=16$MDEyMzQ1Njc$MDEyMzQ1Njc4OWFiY2RlZg",
	} {
		if err := people.CheckHash(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	const rest = "$MDEyMzQ1Njc$MDEyMzQ1Njc4OWFiY2RlZg"
	for bad, why := range map[string]string{
		"":                                                                     "argon2id",
		"a password, by mistake":                                               "argon2id",
		"$2y$10$abcdefghijklmnopqrstuv":                                        "argon2id",
		"$argon2i$v=19$m=65536,t=3,p=4" + rest:                                 "argon2id",
		"$argon2d$v=19$m=65536,t=3,p=4" + rest:                                 "argon2id",
		"$argon2id$v=16$m=65536,t=3,p=4" + rest:                                "version 19",
		"$argon2id$m=65536,t=3,p=4" + rest:                                     "version 19",
		"$argon2id$v=19$m=8191,t=3,p=4" + rest:                                 "memory",
		"$argon2id$v=19$m=1048577,t=1,p=4" + rest:                              "memory",
		"$argon2id$v=19$m=4294975488,t=1,p=4" + rest:                           "memory", // 8192 after 2^32
		"$argon2id$v=19$m=65536,t=0,p=4" + rest:                                "passes",
		"$argon2id$v=19$m=65536,t=17,p=4" + rest:                               "passes",
		"$argon2id$v=19$m=65536,t=3,p=0" + rest:                                "parallelism",
		"$argon2id$v=19$m=65536,t=3,p=17" + rest:                               "parallelism",
		"$argon2id$v=19$m=65536,t=3,p=260" + rest:                              "parallelism",
		"$argon2id$v=19$m=1048576,t=5,p=4" + rest:                              "m times t",
		"$argon2id$v=19$m=65536,t=3,p=4$MDEyMzQ1$MDEyMzQ1Njc4OWFiY2RlZg":       "salt",
		"$argon2id$v=19$m=65536,t=3,p=4$MDEyMzQ1Njc$MDEyMzQ1Njc":               "behind its salt",
		"$argon2id$v=19$m=65536,t=3,p=4$MDEyMzQ1Njc=$MDEyMzQ1Njc4OWFiY2RlZg":   "argon2id",
		"$argon2id$v=19$m=65536,t=3,p=4$" + strings.Repeat("A", 300) + "$MDEy": "bytes",
		phc + "\n": "argon2id",
	} {
		err := people.CheckHash(bad)
		if err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %v, want %q", bad, err, why)
		}
		if err != nil && (strings.Contains(err.Error(), "by mistake") || strings.Contains(err.Error(), "MDEy")) {
			t.Errorf("the refusal holds it: %v", err)
		}
	}
}

// FuzzCheckHash: whatever is taken is within the bounds.
func FuzzCheckHash(f *testing.F) {
	f.Add("$argon2id$v=19$m=65536,t=3,p=4$MDEyMzQ1Njc$MDEyMzQ1Njc4OWFiY2RlZg")
	f.Add("$argon2id$v=19$m=4294967295,t=4294967295,p=255$$")
	f.Fuzz(func(t *testing.T, text string) {
		if people.CheckHash(text) == nil && (len(text) > 256 || !strings.HasPrefix(text, "$argon2id$v=19$m=")) {
			t.Error(text)
		}
	})
}
