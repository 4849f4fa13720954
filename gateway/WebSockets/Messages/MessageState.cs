using System.Runtime.CompilerServices;
using Mooring.Gateway.WebSockets.Framing;

namespace Mooring.Gateway.WebSockets.Messages;

/// <summary>What an endpoint keeps of one client between two reads: 56 bytes that fit native memory; <c>default</c> is a new connection without extensions.</summary>
/// <remarks>Used through <see cref="MessageReader"/> and <see cref="MessageCompressor"/> of its loop, and given back to both once it ends.</remarks>
internal struct MessageState
{
    internal long Total; // payload bytes of the message under way, as announced so far
    internal uint Remaining; // payload bytes of the frame under way to come
    internal uint Mask; // turned to where the payload goes on
    internal int Buffer; // handle of what has come of a message in parts; 0: nothing
    internal int Control; // the same of a control frame
    internal int Inflater; // handle of the client's own context; 0: the shared one
    internal int Deflater; // the same for what is sent
    internal ushort Fragments; // frames of the message under way
    internal Opcode Message; // opcode of the message under way; Continuation: none is
    internal Opcode Frame; // of the frame under way
    internal Flags Bits;
    internal Utf8Stream Text;
    internal byte HeaderLength; // bytes of a header that came in parts
    internal HeaderBytes Header;

    /// <summary>After the handshake.</summary>
    /// <param name="deflate">What was agreed; null: no compression.</param>
    public MessageState(Deflate.DeflateAgreement? deflate) =>
        Bits =
            deflate is null ? Flags.None
            : deflate.Value.ClientTakesOver ? Flags.Deflate | Flags.ClientTakesOver
            : Flags.Deflate;

    [System.Flags]
    internal enum Flags : byte
    {
        None = 0,
        Deflate = 1,
        ClientTakesOver = 2,

        /// <summary>The message under way is compressed.</summary>
        Compressed = 4,

        /// <summary>The frame under way ends its message.</summary>
        Final = 8,

        /// <summary>Its header has been read, and not all of its payload.</summary>
        InPayload = 16,

        /// <summary>A close frame has come, or an error was found: nothing more is read.</summary>
        Ended = 32,
    }

    /// <summary>Nothing more will come out of what this client sends.</summary>
    public readonly bool IsEnded => Has(Flags.Ended);

    /// <summary>A message or a frame has begun and not ended: what a time limit for messages looks at.</summary>
    public readonly bool IsUnderWay => HeaderLength > 0 || Has(Flags.InPayload) || Message != Opcode.Continuation;

    /// <summary>Nothing of it need be kept: one made anew, of the same agreement, does as well from here on.</summary>
    public readonly bool IsAtRest => !IsUnderWay && !Has(Flags.Ended) && (Buffer | Control | Inflater | Deflater) == 0;

    internal readonly bool Has(Flags flag) => (Bits & flag) != Flags.None;

    internal void Set(Flags flag, bool on) => Bits = on ? Bits | flag : Bits & ~flag;

    [InlineArray(FrameHeader.MaxSize)]
    internal struct HeaderBytes
    {
        private byte _first;
    }
}
