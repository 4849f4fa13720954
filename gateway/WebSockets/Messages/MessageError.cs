namespace Mooring.Gateway.WebSockets.Messages;

/// <summary>Why an endpoint fails a connection: what its close frame says.</summary>
/// <param name="Code">RFC 6455 §7.4.1: 1002 protocol, 1007 data that is not what it says, 1008 policy, 1009 too big.</param>
/// <param name="Reason">Plain text of at most 123 bytes.</param>
internal sealed record MessageError(int Code, string Reason)
{
    public static readonly MessageError ReservedBit = new(1002, "a reserved bit is set");
    public static readonly MessageError CompressedControl = new(1002, "a control frame cannot be compressed");
    public static readonly MessageError CompressedContinuation = new(1002, "only the first frame of a message says that it is compressed");
    public static readonly MessageError NotNegotiated = new(1002, "compression was not negotiated");
    public static readonly MessageError ReservedOpcode = new(1002, "reserved opcode");
    public static readonly MessageError FragmentedControl = new(1002, "a control frame cannot be fragmented");
    public static readonly MessageError ControlTooLong = new(1002, "a control frame has at most 125 bytes");
    public static readonly MessageError NothingToContinue = new(1002, "continuation without a message to continue");
    public static readonly MessageError MessageNotFinished = new(1002, "new message before the last one's end");
    public static readonly MessageError NotMasked = new(1002, "frames of a client must be masked");
    public static readonly MessageError LengthNotShortest = new(1002, "length not in its shortest form");
    public static readonly MessageError LengthTooLarge = new(1002, "length of more than 63 bits");
    public static readonly MessageError ClosePayload = new(1002, "close frame with one byte of payload");
    public static readonly MessageError CloseCode = new(1002, "close code that may not be sent");
    public static readonly MessageError CloseReason = new(1007, "close reason is not UTF-8");
    public static readonly MessageError Text = new(1007, "text is not UTF-8");
    public static readonly MessageError Compressed = new(1007, "compressed data is not valid");
    public static readonly MessageError TooManyFragments = new(1008, "too many fragments in a message");
    public static readonly MessageError TooBig = new(1009, "message is too big");
    public static readonly MessageError InflatesTooMuch = new(1009, "message inflates too much");
    public static readonly MessageError NoMemory = new(1013, "no memory for a message; try again later");
}
