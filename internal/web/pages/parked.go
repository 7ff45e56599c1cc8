package pages

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"bookstore/internal/web"
)

// parkedPerPage is how many records a page of them has.
const parkedPerPage = 50

// parkedList is a page of parked records.
type parkedList struct {
	Records []parkedRecord
	Back    string // of orders given here
	More    string // the address of the next page; "" on the last
}

// listParked asks for parked records.
func (o *operators) listParked(r *http.Request, query url.Values) (parkedList, error) {
	list := parkedList{Back: place{}.Path()}
	answer, err := o.api.get(r, "/api/parked", query, &list.Records)
	if err == nil && strings.Contains(answer.Header.Get("Link"), `rel="next"`) && len(list.Records) > 0 {
		more := url.Values{"after": {strconv.FormatInt(list.Records[len(list.Records)-1].ID, 10)}}
		for _, same := range []string{"consumer", "discarded"} {
			if query.Has(same) {
				more.Set(same, query.Get(same))
			}
		}
		list.More = "/operations/parked?" + more.Encode()
	}
	return list, err
}

// parkedPage shows all records that are parked, or that were discarded.
type parkedPage struct {
	operationsPage
	List      parkedList
	Consumer  string // "": of all
	Discarded bool
}

func (o *operators) getParked(w http.ResponseWriter, r *http.Request) error {
	query := url.Values{"limit": {strconv.Itoa(parkedPerPage)}}
	asked := r.URL.Query()
	for _, name := range []string{"consumer", "discarded", "after"} {
		if value := asked.Get(name); value != "" {
			query.Set(name, value)
		}
	}
	list, err := o.listParked(r, query)
	if err != nil {
		return err
	}
	return o.templates.render(w, r, http.StatusOK, "operations-parked", "", parkedPage{
		operationsPage: o.still(r), List: list, Consumer: query.Get("consumer"), Discarded: query.Get("discarded") == "true",
	})
}

// still is what a page that does not change has in common with others.
func (o *operators) still(r *http.Request) operationsPage {
	return operationsPage{chrome: o.chrome(r)}
}

// recordPage shows a parked record with its content.
type recordPage struct {
	operationsPage
	Record parkedRecord
	Back   string
}

func (o *operators) getRecord(w http.ResponseWriter, r *http.Request) error {
	id, err := web.PathID(r, "id")
	if err != nil {
		return err
	}
	var record parkedRecord
	if _, err := o.api.get(r, parkedPath(id), nil, &record); err != nil {
		return err
	}
	return o.templates.render(w, r, http.StatusOK, "operations-record", "", recordPage{o.still(r), record, place{}.Path()})
}

func parkedPath(id int64) string { return "/api/parked/" + strconv.FormatInt(id, 10) }

// KeyShown is the key as text; where it is none, Go's notation of its bytes.
func (p parkedRecord) KeyShown() string { return bytesShown(p.KeyText, p.Key) }

// ValueShown is the value as text, indented where it is JSON.
func (p parkedRecord) ValueShown() string {
	if p.ValueText != nil {
		return indented(*p.ValueText)
	}
	return bytesShown(nil, p.Value)
}

// Position is where the record lies in its topic.
func (p parkedRecord) Position() string {
	return strconv.Itoa(int(p.Partition)) + "." + strconv.FormatInt(p.Offset, 10)
}

// KeyShown is the header's name.
func (h parkedHeader) KeyShown() string { return bytesShown(h.KeyText, h.Key) }

// ValueShown is the header's value.
func (h parkedHeader) ValueShown() string { return bytesShown(h.ValueText, h.Value) }

// bytesShown shows what may be no text, or not be there at all.
func bytesShown(text *string, bytes []byte) string {
	switch {
	case text != nil && *text == "":
		return "(empty)"
	case text != nil:
		return *text
	case bytes == nil:
		return "(none)"
	}
	return strconv.QuoteToASCII(string(bytes))
}
