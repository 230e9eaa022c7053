package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"refundworker/config"
)

// Bounds of what the shell is offered: somebody waits for the Tab key.
const (
	completeTime = time.Second
	completeMost = 50
)

// Completion is what cobra asks for words: those that may follow, each with a
// description after a tab.
type Completion = func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective)

// ProviderNames are the configured names, in the file's order.
func ProviderNames(cfg *config.Config) []string {
	names := make([]string, len(cfg.Providers))
	for i, p := range cfg.Providers {
		names[i] = p.Name
	}
	return names
}

// CompleteProvider offers the configured providers for a command's flag.
func (s *Setup) CompleteProvider(cmd *cobra.Command, flag string) {
	// It fails only for a flag that is not there.
	_ = cmd.RegisterFlagCompletionFunc(flag, s.Providers)
}

// Providers is a Completion with the configured names. Without a readable
// configuration there are none.
func (s *Setup) Providers(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	cfg, err := s.Config()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return ProviderNames(cfg), cobra.ShellCompDirectiveNoFileComp
}

// FromRedis is a Completion of a command's only argument with what find yields,
// within a second and at most fifty words.
func (s *Setup) FromRedis(find func(ctx context.Context, s *Session, begun string, yield func(word, about string) bool)) Completion {
	return func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), completeTime)
		defer cancel()
		session, err := s.Open(ctx)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		defer session.Close()
		var words []string
		find(ctx, session, begun, func(word, about string) bool {
			words = append(words, word+"\t"+OneLine(about))
			return len(words) < completeMost
		})
		return words, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	}
}
