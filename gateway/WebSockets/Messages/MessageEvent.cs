using Mooring.Gateway.WebSockets.Framing;

namespace Mooring.Gateway.WebSockets.Messages;

internal enum MessageEventKind : byte
{
    None,

    /// <summary>A whole message, valid UTF-8 where it is text, inflated.</summary>
    Message,

    /// <summary>To be answered by a pong with the same payload (RFC 6455 §5.5.2).</summary>
    Ping,
    Pong,

    /// <summary>The client's close frame: to be answered by one, unless one was sent (§5.5.1). Nothing follows.</summary>
    Close,

    /// <summary>The client broke a rule or a limit: send a close frame with the error, then close. Nothing follows.</summary>
    Error,
}

/// <summary>What <see cref="MessageReader"/> found. Good until its next call.</summary>
internal readonly ref struct MessageEvent
{
    public MessageEventKind Kind { get; init; }

    /// <summary>Of a message: text or binary.</summary>
    public Opcode Opcode { get; init; }

    /// <summary>The message, the ping's or pong's data, or the reason of the close frame.</summary>
    public ReadOnlySpan<byte> Payload { get; init; }

    /// <summary>Of a message that came compressed: its size before it was inflated. Else 0.</summary>
    public int CompressedBytes { get; init; }

    /// <summary>Of a close frame: its code, or 1005 when it had none (then the answer has none either: <see cref="CloseFrame.EncodeReply"/>).</summary>
    public int CloseCode { get; init; }

    public MessageError? Error { get; init; }
}
