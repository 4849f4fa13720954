using System.Globalization;
using System.Text.Json.Nodes;
using System.Threading.Channels;

namespace Mooring.Testing.ApiDouble;

/// <summary>One watch's queue of lines. An object that starts or ceases to match the selector is told as added or deleted.</summary>
internal sealed class Watcher(ApiPath path, string? labels, string? fields)
{
    private readonly Channel<string> _lines = Channel.CreateUnbounded<string>();
    private volatile bool _frozen;

    public ChannelReader<string> Lines => _lines.Reader;

    /// <summary>Breaks the connection instead of ending the answer.</summary>
    public bool Broken { get; private set; }

    public void Tell(StoredChange change)
    {
        if (
            change.Resource != new ResourceKey(path.Group, path.Plural)
            || (path.Namespace is not null && (string?)change.Object["metadata"]!["namespace"] != path.Namespace)
        )
        {
            return;
        }

        var matches = change.Type != "DELETED" && Selector.Matches(change.Object, labels, fields);
        var matched = change.Before is not null && Selector.Matches(change.Before, labels, fields);
        var type = (matched, matches) switch
        {
            (false, true) => "ADDED",
            (true, true) => "MODIFIED",
            (true, false) => "DELETED",
            _ => null,
        };
        if (type is not null)
        {
            // One that only ceased to match goes as it was last seen, with the version of the change.
            var left = type == "DELETED" && change.Type != "DELETED";
            Send(type, left ? AtVersion(change.Before!, change.Version) : change.Object);
        }
    }

    public void Bookmark(long version) =>
        Send(
            "BOOKMARK",
            new JsonObject
            {
                ["kind"] = "Bookmark",
                ["apiVersion"] = path.ApiVersion,
                ["metadata"] = new JsonObject { ["resourceVersion"] = version.ToString(CultureInfo.InvariantCulture) },
            }
        );

    public void Error(ApiException error)
    {
        Send("ERROR", error.ToStatus());
        End();
    }

    public void SendRaw(string line) => _lines.Writer.TryWrite(line);

    /// <summary>The connection stays, and nothing comes any more.</summary>
    public void Freeze() => _frozen = true;

    public void End() => _lines.Writer.TryComplete();

    public void Break()
    {
        Broken = true;
        _lines.Writer.TryComplete();
    }

    private static JsonObject AtVersion(JsonObject value, long version)
    {
        var copy = (JsonObject)value.DeepClone();
        copy["metadata"]!["resourceVersion"] = version.ToString(CultureInfo.InvariantCulture);
        return copy;
    }

    private void Send(string type, JsonObject value)
    {
        if (!_frozen)
        {
            _lines.Writer.TryWrite(new JsonObject { ["type"] = type, ["object"] = value.DeepClone() }.ToJsonString());
        }
    }
}
