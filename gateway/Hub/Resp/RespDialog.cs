namespace Mooring.Gateway.Hub.Resp;

/// <summary>Asks one question after the other over a stream that nobody else reads. Not thread-safe.</summary>
internal sealed class RespDialog(Stream stream, RespLimits limits)
{
    private readonly RespReader _reader = new(limits with { MaxReply = 1024 * 1024 });
    private readonly byte[] _buffer = new byte[4096];

    /// <summary>The reply, which may be an error of the server's.</summary>
    /// <exception cref="IOException">The connection ended, or it is no RESP.</exception>
    public async Task<RespValue> AskAsync(RespCommand command, CancellationToken cancellation)
    {
        await stream.WriteAsync(command.Bytes, cancellation);
        while (true)
        {
            var count = await stream.ReadAsync(_buffer, cancellation);
            if (count == 0)
            {
                throw new IOException("the server has closed the connection");
            }

            var taken = _reader.Read(_buffer.AsSpan(0, count), out var value, out var isWhole);
            if (isWhole)
            {
                return taken == count ? value : throw new IOException("the server says more than it was asked");
            }
        }
    }
}
