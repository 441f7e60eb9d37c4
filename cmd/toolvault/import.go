package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"toolvault/cmd/toolvault/internal/app"
	"toolvault/cmd/toolvault/internal/importfile"
	"toolvault/vault"
)

// importFlags say what to do with the file of an import.
type importFlags struct {
	place
	names                      []string
	kind                       string
	replace, undo, printConfig bool
}

func credentialImportCommand() *cobra.Command {
	var f importFlags
	cmd := &cobra.Command{
		Use:   "import FILE|-",
		Short: "Put many credentials into the vault at once, all or none",
		Long: `Reads a file, or stdin for "-", and puts the credentials in it into the vault: all,
or none if anything is wrong with one. It is one of two:

JSON, a list of credentials as in the config, each with its agentId and its secret:

  [ { "agentId": "support-agent-1", "service": "hubspot", "type": "oauth_token",
      "secret": { "access_token": "…", "refresh_token": "…", "expires_at": "2026-01-31T12:00:00Z" } },
    { "agentId": "support-agent-1", "service": "metabase", "type": "service_token",
      "source": "vault:metabase/svc-token", "secret": { "value": "…" } } ]

Without a source a credential goes to vault:SERVICE/AGENT[/USER][/ACCOUNT].

dotenv, lines of NAME=value. SLACK_BOT_TOKEN goes to vault:slack-bot-token, or where
--map says; with --map all others are left out. The type of a secret is the one
that the config declares for env:NAME, else --type.

What is in the vault under one of the names stays, and is a mistake, unless
--replace is given. A process that is killed in the middle leaves an import half
done: import the same file again to finish it, or take it back with --undo.`,
		Example: "  toolvault credential import grants.json --config toolvault.yaml\n  toolvault credential import .env --map PINECONE_API_KEY=pinecone/key --type api_key\n  op read op://ops/grants | toolvault credential import -",
		Args: func(cmd *cobra.Command, args []string) error {
			if f.undo {
				return cobra.NoArgs(cmd, args)
			}
			return cobra.ExactArgs(1)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.undo {
				return f.with(cmd, func(a *app.App) error { return undoImport(cmd, a) })
			}
			names, err := f.targets(cmd)
			if err != nil {
				return err
			}
			in, err := openImport(cmd, args[0])
			if err != nil {
				return err
			}
			defer func() { _ = in.Close() }()
			return f.with(cmd, func(a *app.App) error { return importFile(cmd, a, f, args[0], in, names) })
		},
	}
	f.flags(cmd)
	cmd.Flags().StringArrayVar(&f.names, "map", nil, "NAME=VAULT_NAME: where a variable of a dotenv file goes; may be given several times")
	cmd.Flags().StringVar(&f.kind, "type", vault.TypeAPIKey, "type of the secrets of a dotenv file that the config does not declare")
	cmd.Flags().BoolVar(&f.replace, "replace", false, "replace what is in the vault under one of the names")
	cmd.Flags().BoolVar(&f.undo, "undo", false, "put back what an import that was broken off has changed")
	cmd.Flags().BoolVar(&f.printConfig, "print-config", false, "print the lines of the config that declare what was imported")
	return cmd
}

// targets are what --map says.
func (f *importFlags) targets(cmd *cobra.Command) (map[string]string, error) {
	if !slices.Contains(vault.Types(), f.kind) {
		return nil, misuse(cmd, "--type must be one of %s, not %q", strings.Join(vault.Types(), ", "), f.kind)
	}
	names := map[string]string{}
	for _, pair := range f.names {
		name, to, ok := strings.Cut(pair, "=")
		if !ok || name == "" || vault.CheckName(to) != nil {
			return nil, misuse(cmd, "--map is written NAME=VAULT_NAME, such as PINECONE_API_KEY=pinecone/key")
		}
		if _, twice := names[name]; twice {
			return nil, misuse(cmd, "--map names %s twice", name)
		}
		names[name] = to
	}
	return names, nil
}

// openImport opens the file of an import.
func openImport(cmd *cobra.Command, path string) (io.ReadCloser, error) {
	if path == "-" {
		return io.NopCloser(untilStopped{cmd.Context(), cmd.InOrStdin()}), nil
	}
	f, err := os.Open(path)
	if err == nil {
		var info os.FileInfo
		if info, err = f.Stat(); err == nil && info.IsDir() {
			_ = f.Close()
			err = errors.New("it is a folder")
		}
	}
	var pe *os.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	if err != nil {
		return nil, misuse(cmd, "%s cannot be read: %w", path, err)
	}
	return f, nil
}

func importFile(cmd *cobra.Command, a *app.App, f importFlags, path string, in io.Reader, names map[string]string) error {
	declared := declaredVariables(a)
	o := importfile.Options{Now: time.Now(), Types: a.CredentialTypes(), Schemes: a.Schemes(), Type: f.kind, Names: names, TypeOf: declared.types, Leave: declared.elsewhere}
	items, err := importfile.Read(in, o)
	if errors.Is(err, errStopped) {
		return errStopped
	}
	if err != nil {
		return &usageError{err: a.CredentialFailed(cmd.Context(), "credential.import_failed", "", fileMistakes(path, err))}
	}
	all := make([]vault.ImportItem, len(items))
	for i, item := range items {
		all[i] = item.ImportItem
	}
	report := newMeter(cmd.ErrOrStderr(), "imported", len(all))
	did, err := a.Vault.Import(cmd.Context(), all, vault.ImportOptions{Replace: f.replace, Progress: report.step})
	report.end()
	switch {
	case errors.Is(err, vault.ErrUnfinished):
		return a.CredentialFailed(cmd.Context(), "credential.import_failed", "", fmt.Errorf("%w: 'toolvault credential import --undo' takes it back", err))
	case err != nil:
		return a.CredentialFailed(cmd.Context(), "credential.import_failed", "", fileMistakes(path, err))
	}
	message := fmt.Sprintf("%d credentials: %d new, %d replaced, %d there already", did.New+did.Replaced+did.Same, did.New, did.Replaced, did.Same)
	if err := a.Event(cmd.Context(), "credential.imported", "", message); err != nil {
		return err
	}
	if !did.Resumed.IsZero() {
		say(cmd, "The import that was begun at %s and broken off is finished.", shortTime(did.Resumed))
	}
	say(cmd, "Imported %s.", message)
	return explainImport(cmd, items, declared, f.printConfig)
}

// mistakesShown is how many mistakes of a file are shown.
const mistakesShown = 20

// fileMistakes puts the name of the file before each mistake.
func fileMistakes(path string, err error) error {
	if path == "-" {
		path = "stdin"
	}
	list := []error{err}
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		list = all.Unwrap()
	}
	var texts []string
	wrong := 0
	for _, e := range list {
		var item *vault.ItemError
		if errors.As(e, &item) {
			texts = append(texts, fmt.Sprintf("%s:%d: %v", path, item.Line, item.Err))
			wrong++
			continue
		}
		texts = append(texts, fmt.Sprintf("%s: %v", path, e))
	}
	if len(texts) > mistakesShown {
		texts = append(texts[:mistakesShown], fmt.Sprintf("%s: and %d more", path, len(texts)-mistakesShown))
	}
	if wrong > 0 {
		texts = append(texts, "nothing was imported")
	}
	return errors.New(strings.Join(texts, "\n"))
}

func undoImport(cmd *cobra.Command, a *app.App) error {
	undone, kept, err := a.Vault.UndoImport(cmd.Context())
	if errors.Is(err, vault.ErrNoImport) {
		return errors.New("there is nothing to undo: no import was broken off. One that has ended is taken back credential by credential, with 'toolvault credential revoke NAME'")
	}
	if err != nil {
		return err
	}
	if err := a.Event(cmd.Context(), "credential.import_undone", "", fmt.Sprintf("%d credentials put back, %d left as they are", undone, len(kept))); err != nil {
		return err
	}
	say(cmd, "The import is taken back: %d credentials are as they were before.", undone)
	for _, name := range kept {
		say(cmd, "%s was changed by somebody else since, and stays.", name)
	}
	return nil
}
