namespace Mooring.Gateway.Hub.Resp;

/// <summary>Asks over a stream that nobody else reads. Not thread-safe.</summary>
internal sealed class RespDialog(Stream stream, RespLimits limits)
{
    private readonly RespReader _reader = new(limits with { MaxReply = 1024 * 1024 });
    private readonly byte[] _buffer = new byte[4096];

    /// <summary>The reply, which may be an error of the server's.</summary>
    /// <exception cref="IOException">The connection ended, or it is no RESP.</exception>
    public async Task<RespValue> AskAsync(RespCommand command, CancellationToken cancellation) =>
        (await AskAllAsync([command], cancellation))[0];

    /// <summary>The replies to commands that are sent together, in order.</summary>
    /// <exception cref="IOException">The connection ended, or it is no RESP.</exception>
    public async Task<IReadOnlyList<RespValue>> AskAllAsync(IReadOnlyList<RespCommand> commands, CancellationToken cancellation)
    {
        byte[] all = [.. commands.SelectMany(static command => command.Bytes.ToArray())];
        await stream.WriteAsync(all, cancellation);
        var replies = new List<RespValue>(commands.Count);
        while (replies.Count < commands.Count)
        {
            var count = await stream.ReadAsync(_buffer, cancellation);
            if (count == 0)
            {
                throw new IOException("the server has closed the connection");
            }

            Take(_buffer.AsSpan(0, count), replies, commands.Count);
        }

        return replies;
    }

    private void Take(ReadOnlySpan<byte> bytes, List<RespValue> replies, int most)
    {
        while (!bytes.IsEmpty)
        {
            if (replies.Count == most)
            {
                throw new IOException("the server says more than it was asked");
            }

            bytes = bytes[_reader.Read(bytes, out var value, out var isWhole)..];
            if (isWhole)
            {
                replies.Add(value);
            }
        }
    }
}
