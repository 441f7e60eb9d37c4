package salesforce

import (
	"testing"

	"toolvault/tools/toolstest"
)

func TestSchemas(t *testing.T) {
	toolstest.FitsSchemas(t, New())
	toolstest.Sizes(t, New(), 600)
}
