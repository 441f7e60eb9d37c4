package vault

import (
	"context"
	"fmt"
	"time"
)

// changeChild plays the roles of processes that change many records, and stop in
// the middle for ever, to be killed there.
func changeChild(ctx context.Context, role string, v *Vault) {
	stop := func(at int) func(int) {
		return func(done int) {
			if done == at {
				fmt.Println("middle")
				select {}
			}
		}
	}
	var err error
	switch role {
	case "revoke":
		_, err = v.Revoke(ctx, "slack/a")
	case "import":
		_, err = v.Import(ctx, manyItems(importSize), ImportOptions{Replace: true, Progress: stop(importSize / 3)})
	case "reseal":
		s := stop(40)
		_, err = Reseal(ctx, v.store, v.keyring, ResealOptions{Progress: func(r Resealed) { s(r.Done) }})
	default:
		err = fmt.Errorf("there is no role %s", role)
	}
	if err != nil {
		fmt.Println("error:", err)
	}
	fmt.Println("done", time.Now().UnixNano())
}
