using System.Buffers.Text;
using Mooring.Gateway.WebSockets.Http;

namespace Mooring.Gateway.WebSockets.Deflate;

/// <summary>Negotiates permessage-deflate for a server, RFC 7692 §7.1. Pure.</summary>
internal readonly record struct DeflateOffer
{
    /// <summary>Longest value of the answer's Sec-WebSocket-Extensions.</summary>
    public const int MaxAnswerBytes = 160;

    private bool ServerNoTakeover { get; init; }

    private bool ClientNoTakeover { get; init; }

    /// <summary>0: not asked for.</summary>
    private int ServerWindowBits { get; init; }

    /// <summary>0: the client does not understand the parameter.</summary>
    private int ClientWindowBits { get; init; }

    /// <summary>Takes the first offer of the request that can be met; null when there is none, and the connection goes on without compression.</summary>
    /// <param name="head">The request's.</param>
    /// <param name="data">What it was parsed from.</param>
    /// <param name="options">What the server offers.</param>
    /// <param name="answer">Gets the value for the answer's Sec-WebSocket-Extensions; at least <see cref="MaxAnswerBytes"/>.</param>
    /// <param name="answerLength">Its length; 0 for none.</param>
    public static DeflateAgreement? Negotiate(
        HttpHead head,
        ReadOnlySpan<byte> data,
        DeflateOptions options,
        Span<byte> answer,
        out int answerLength
    )
    {
        answerLength = 0;
        foreach (ref readonly var field in head.Fields)
        {
            if (!HopByHop.Is(field.Name.Of(data), "sec-websocket-extensions"u8))
            {
                continue;
            }

            // No parameter of this extension has a comma or a semicolon in its value, so an offer that is cut wrongly is an invalid one.
            var list = field.Value.Of(data);
            while (HttpTokens.NextElement(ref list, out var element))
            {
                if (TryParse(element, out var offer) && offer.TryMeet(options, out var agreement, answer, out answerLength))
                {
                    return agreement;
                }
            }
        }

        return null;
    }

    /// <summary>Reads one element of the header; false when it is another extension, or has a parameter that is unknown, invalid or there twice.</summary>
    internal static bool TryParse(ReadOnlySpan<byte> element, out DeflateOffer offer)
    {
        offer = default;
        if (!HopByHop.Is(NextPart(ref element), "permessage-deflate"u8))
        {
            return false;
        }

        while (!element.IsEmpty)
        {
            var value = NextPart(ref element);
            var equals = value.IndexOf((byte)'=');
            var name = (equals < 0 ? value : value[..equals]).Trim(" \t"u8);
            value = equals < 0 ? default : value[(equals + 1)..].Trim(" \t"u8);
            if (HopByHop.Is(name, "server_no_context_takeover"u8) && equals < 0 && !offer.ServerNoTakeover)
            {
                offer = offer with { ServerNoTakeover = true };
            }
            else if (HopByHop.Is(name, "client_no_context_takeover"u8) && equals < 0 && !offer.ClientNoTakeover)
            {
                offer = offer with { ClientNoTakeover = true };
            }
            else if (HopByHop.Is(name, "server_max_window_bits"u8) && TryBits(value, out var bits) && offer.ServerWindowBits == 0)
            {
                offer = offer with { ServerWindowBits = bits };
            }
            else if (
                HopByHop.Is(name, "client_max_window_bits"u8)
                && offer.ClientWindowBits == 0
                && (TryBits(value, out bits) || (equals < 0 && (bits = DeflateOptions.MaxWindowBits) > 0))
            )
            {
                offer = offer with { ClientWindowBits = bits };
            }
            else
            {
                return false;
            }
        }

        return true;
    }

    private static ReadOnlySpan<byte> NextPart(ref ReadOnlySpan<byte> text)
    {
        var end = text.IndexOf((byte)';');
        var part = (end < 0 ? text : text[..end]).Trim(" \t"u8);

        // A semicolon with nothing behind it announces a parameter that is not there.
        text =
            end < 0 ? default
            : end == text.Length - 1 ? " "u8
            : text[(end + 1)..];
        return part;
    }

    /// <summary>8 to 15 without leading zero (§7.1.2), in quotes or not (RFC 6455 §9.1).</summary>
    private static bool TryBits(ReadOnlySpan<byte> value, out int bits)
    {
        if (value.Length > 2 && value[0] == '"' && value[^1] == '"')
        {
            value = value[1..^1];
        }

        return Utf8Parser.TryParse(value, out bits, out var used)
            && used == value.Length
            && value[0] is >= (byte)'1' and <= (byte)'9'
            && bits is >= 8 and <= 15;
    }

    private bool TryMeet(DeflateOptions options, out DeflateAgreement? agreement, Span<byte> answer, out int length)
    {
        agreement = null;
        length = 0;
        if (ServerWindowBits is > 0 and < DeflateOptions.MinWindowBits)
        {
            return false;
        }

        var serverBits = ServerWindowBits == 0 ? options.ServerWindowBits : Math.Min(ServerWindowBits, options.ServerWindowBits);
        var met = new DeflateAgreement(
            (byte)serverBits,
            options.ServerTakesOver && !ServerNoTakeover,
            options.ClientTakesOver && !ClientNoTakeover
        );
        agreement = met;

        // Both may be said whether asked for or not (§7.1.1.1, §7.1.1.2), and so may the server's window; the client's only to who understands it.
        var writer = new HeadWriter(answer);
        writer.Append("permessage-deflate"u8);
        writer.Append(met.ServerTakesOver ? default : "; server_no_context_takeover"u8);
        writer.Append(met.ClientTakesOver ? default : "; client_no_context_takeover"u8);
        if (serverBits < DeflateOptions.MaxWindowBits || ServerWindowBits > 0)
        {
            writer.Append("; server_max_window_bits="u8);
            writer.Append(serverBits);
        }

        if (ClientWindowBits > options.ClientWindowBits)
        {
            writer.Append("; client_max_window_bits="u8);
            writer.Append(options.ClientWindowBits);
        }

        length = writer.Length;
        return !writer.Overflow;
    }
}
