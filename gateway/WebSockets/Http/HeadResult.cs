namespace Mooring.Gateway.WebSockets.Http;

/// <summary>How far the parse of a message head has come.</summary>
internal enum HeadStatus
{
    NeedMore,
    Complete,
    Error,
}

/// <summary>Outcome of <see cref="HttpHead.Parse"/>.</summary>
/// <param name="Status">Whether the head is complete, incomplete or wrong.</param>
/// <param name="Offset">Complete: the head's length in bytes, with the empty line. Error: the byte where it went wrong. Otherwise 0.</param>
/// <param name="HttpStatus">On an error in a request, the status to answer with; otherwise 0.</param>
/// <param name="Reason">On an error, what is wrong, for the answer's body and the log.</param>
internal readonly record struct HeadResult(HeadStatus Status, int Offset, int HttpStatus, string? Reason)
{
    public static HeadResult NeedMore => default;

    public static HeadResult Complete(int length) => new(HeadStatus.Complete, length, 0, null);

    public static HeadResult Error(int httpStatus, int offset, string reason) => new(HeadStatus.Error, offset, httpStatus, reason);
}

/// <summary>A piece of the buffer that a head was parsed from. 16-bit, since a head is at most <see cref="HttpHead.MaxBytes"/>.</summary>
internal readonly record struct Slice(ushort Start, ushort Length)
{
    public ReadOnlySpan<byte> Of(ReadOnlySpan<byte> data) => data.Slice(Start, Length);
}

/// <summary>One header field; the value is without the white space around it.</summary>
internal readonly record struct HeaderField(Slice Name, Slice Value);
