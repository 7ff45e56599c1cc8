package app

import (
	"context"

	"bookstore/internal/feed"
)

// addFeed lets others follow the catalogue.
func (a *App) addFeed(background context.Context) {
	hub := feed.NewHub(topicLog{a, a.topics.Events}, a.log)
	hub.Routes(a.server.Router())
	a.run(func() { hub.Run(background) })
}
