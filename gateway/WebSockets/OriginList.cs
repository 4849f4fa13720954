using System.Text;
using Mooring.Gateway.WebSockets.Http;

namespace Mooring.Gateway.WebSockets;

/// <summary>Origins that browsers may come from (RFC 6454 §7; RFC 6455 §10.2). Immutable and thread-safe; no allocation per check.</summary>
internal sealed class OriginList(IReadOnlyList<string> origins)
{
    private readonly byte[][] _origins = [.. origins.Select(origin => Encoding.ASCII.GetBytes(origin.ToLowerInvariant()))];

    /// <summary>Why the request may not come from where it does; none when it may.</summary>
    public Refusal Check(HttpHead head, ReadOnlySpan<byte> data)
    {
        if (_origins.Length == 0)
        {
            return default;
        }

        var count = head.Find(data, "origin"u8, out var sent);
        return count switch
        {
            // No browser: those send it with each WebSocket.
            0 => default,
            1 when Takes(sent) => default,
            1 => new Refusal(403, "this origin is not taken"),
            _ => new Refusal(400, "more than one Origin"),
        };
    }

    private bool Takes(ReadOnlySpan<byte> sent)
    {
        foreach (var origin in _origins)
        {
            var star = origin.AsSpan().IndexOf((byte)'*');
            if (star < 0 ? Ascii.EqualsIgnoreCase(sent, origin) : IsBelow(sent, origin, star))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The same scheme, then at least one label more, then the same end with its dot.</summary>
    private static bool IsBelow(ReadOnlySpan<byte> sent, ReadOnlySpan<byte> origin, int star) =>
        sent.Length >= origin.Length
        && Ascii.EqualsIgnoreCase(sent[..star], origin[..star])
        && Ascii.EqualsIgnoreCase(sent[^(origin.Length - star - 1)..], origin[(star + 1)..])
        && sent[star..^(origin.Length - star - 1)].IndexOfAny("/:@"u8) < 0;
}
