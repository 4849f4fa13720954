namespace Mooring.Gateway.Hub.Resp;

/// <summary>A call to Redis that gave no result.</summary>
internal abstract class RespException(string message, Exception? inner = null) : IOException(message, inner);

/// <summary>No connection, no answer in time, or too much waits for one.</summary>
/// <param name="message">Why.</param>
/// <param name="mayHaveRun">It was sent, so the server may have done it all the same.</param>
internal sealed class RespUnavailableException(string message, bool mayHaveRun, Exception? inner = null) : RespException(message, inner)
{
    public bool MayHaveRun { get; } = mayHaveRun;

    /// <summary>There is a connection, and too much waits on it.</summary>
    public bool IsOverload { get; init; }
}

/// <summary>The server's own error.</summary>
internal sealed class RespServerException(string message) : RespException(message)
{
    /// <summary>The first word, such as <c>WRONGTYPE</c>.</summary>
    public string Code { get; } = message.Split(' ', 2)[0];

    /// <summary>The server has reached its <c>maxmemory</c>, and evicts nothing. Of a script, versions before 7 say so within an <c>ERR</c>.</summary>
    public bool IsOutOfMemory => Code == "OOM" || Message.Contains(" -OOM ", StringComparison.Ordinal);
}

/// <summary>The peer does not speak RESP; says at which byte of the connection.</summary>
internal sealed class RespProtocolException(long offset, string message) : RespException($"byte {offset}: {message}")
{
    public long Offset { get; } = offset;
}

/// <summary>The reply is RESP but not of the form that the command has.</summary>
internal sealed class RespShapeException(string message) : RespException(message);
