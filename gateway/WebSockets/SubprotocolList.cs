using System.Text;
using Mooring.Gateway.WebSockets.Http;

namespace Mooring.Gateway.WebSockets;

/// <summary>Subprotocols that backends may be offered. Immutable and thread-safe; no allocation per request.</summary>
internal sealed class SubprotocolList(IReadOnlyList<string> names)
{
    private readonly byte[][] _names = [.. names.Select(Encoding.ASCII.GetBytes)];

    /// <summary>False: whatever is offered passes.</summary>
    public bool IsSet => _names.Length > 0;

    /// <summary>Writes what of the client's offer may pass, in its order, and returns the length; -1: it offers some, and none of them may.</summary>
    /// <param name="head">The request's.</param>
    /// <param name="data">What it was parsed from.</param>
    /// <param name="destination">As long as the head.</param>
    public int Filter(HttpHead head, ReadOnlySpan<byte> data, Span<byte> destination)
    {
        var writer = new HeadWriter(destination);
        var offered = false;
        foreach (ref readonly var field in head.Fields)
        {
            if (!HopByHop.Is(field.Name.Of(data), "sec-websocket-protocol"u8))
            {
                continue;
            }

            var list = field.Value.Of(data);
            while (HttpTokens.NextElement(ref list, out var element))
            {
                offered = true;
                if (Has(element))
                {
                    writer.Append(writer.Length > 0 ? ", "u8 : default);
                    writer.Append(element);
                }
            }
        }

        return (offered && writer.Length == 0) || writer.Overflow ? -1 : writer.Length;
    }

    // Compared as sent: they are case-sensitive (RFC 6455 §4.2.2 takes one "from the client's handshake").
    private bool Has(ReadOnlySpan<byte> element)
    {
        foreach (var name in _names)
        {
            if (element.SequenceEqual(name))
            {
                return true;
            }
        }

        return false;
    }
}
