using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Text;

namespace Mooring.EndToEnd;

/// <summary>Many WebSocket clients that do nothing but hold their connection, and come back as soon as it is closed. Notes when and how each was closed.</summary>
/// <remarks>
/// On bare sockets: a few hundred bytes each, and every end is seen as it is on the wire, with the kernel's time of its arrival. On a node of this machine that
/// is when the gateway sent it, however late this process, one of many on few cores, comes to read it.
/// </remarks>
internal sealed class HeldClients(string host, int port) : IAsyncDisposable
{
    private static readonly byte[] Request = Encoding.ASCII.GetBytes(
        "GET / HTTP/1.1\r\nHost: held\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );

    private static readonly TimeSpan Retry = TimeSpan.FromMilliseconds(100);
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentQueue<End> _ends = new();
    private readonly ConcurrentQueue<long> _opened = new();
    private readonly List<Task> _running = [];
    private int _open;
    private readonly ConcurrentDictionary<string, int> _refused = new(StringComparer.Ordinal);

    /// <summary>Connections that are open now.</summary>
    public int Open => Volatile.Read(ref _open);

    /// <summary>Ends since the last <see cref="Take"/>, with the connects that were refused.</summary>
    public Summary Take()
    {
        var ends = new List<End>();
        while (_ends.TryDequeue(out var end))
        {
            ends.Add(end);
        }

        var opened = new List<long>();
        while (_opened.TryDequeue(out var at))
        {
            opened.Add(at);
        }

        var refused = _refused.ToDictionary(StringComparer.Ordinal);
        _refused.Clear();
        return Summary.Of(ends, opened, refused);
    }

    /// <summary>Starts that many, at a pace that is nobody's burden.</summary>
    public async Task HoldAsync(int count, int perSecond)
    {
        for (var number = 0; number < count; number++)
        {
            _running.Add(Task.Run(() => RunAsync(_stop.Token)));
            if (number % 10 == 9)
            {
                await Task.Delay(TimeSpan.FromSeconds(10.0 / perSecond));
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_running);
        _stop.Dispose();
    }

    private async Task RunAsync(CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                await socket.ConnectAsync(host, port, stopping);
                TimedSocket.Enable(socket);
                if (await UpgradeAsync(socket, stopping) is { } refusal)
                {
                    Refuse(refusal);
                    await Task.Delay(Retry, stopping);
                    continue;
                }

                Interlocked.Increment(ref _open);
                _opened.Enqueue(Now());
                try
                {
                    var (code, sent) = await ReadToEndAsync(socket, stopping);
                    var seen = Now();
                    _ends.Enqueue(new End(code, sent == 0 ? seen : sent, seen));
                }
                finally
                {
                    Interlocked.Decrement(ref _open);
                }
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (SocketException error)
            {
                Refuse(error.SocketErrorCode.ToString());
                await Task.Delay(Retry, CancellationToken.None);
            }
        }
    }

    private void Refuse(string how) => _refused.AddOrUpdate(how, 1, static (_, count) => count + 1);

    /// <summary>Returns how it was refused; null: it was not.</summary>
    private static async Task<string?> UpgradeAsync(Socket socket, CancellationToken stopping)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        limit.CancelAfter(TimeSpan.FromSeconds(15));
        await socket.SendAsync(Request, limit.Token);
        var buffer = new byte[1024];
        var length = 0;
        try
        {
            while (length < buffer.Length)
            {
                var read = await socket.ReceiveAsync(buffer.AsMemory(length), limit.Token);
                length += read;
                if (read == 0 || buffer.AsSpan(0, length).EndsWith("\r\n\r\n"u8))
                {
                    break;
                }
            }
        }
        catch (OperationCanceledException) when (!stopping.IsCancellationRequested)
        {
            return "no answer in 15 s";
        }

        // The last line of a refusal says why.
        var answer = Encoding
            .ASCII.GetString(buffer, 0, length)
            .Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return answer is [] ? "closed without an answer"
            : answer[0].StartsWith("HTTP/1.1 101", StringComparison.Ordinal) ? null
            : $"{answer[0]}: {answer[^1]}";
    }

    // On the same clock as the kernel's times.
    private static long Now() => (DateTime.UtcNow - DateTime.UnixEpoch).Ticks * 100;

    /// <summary>The code of the close frame (RFC 6455 §5.5.1) that ended the connection, 0: it ended without one; and when it came, 0: not known.</summary>
    private static async Task<(int Code, long At)> ReadToEndAsync(Socket socket, CancellationToken stopping)
    {
        var buffer = new byte[256];
        var length = 0;
        try
        {
            while (true)
            {
                var (read, at) = await TimedSocket.ReceiveAsync(socket, buffer.AsMemory(length), stopping);
                length += read;
                if (read == 0)
                {
                    return (0, 0);
                }

                // Nobody sends these clients anything but control frames, which are short.
                while (length >= 2 && length >= 2 + (buffer[1] & 0x7F))
                {
                    var size = 2 + (buffer[1] & 0x7F);
                    if ((buffer[0] & 0x0F) == 8)
                    {
                        var code = size >= 4 ? BinaryPrimitives.ReadUInt16BigEndian(buffer.AsSpan(2)) : 1005;
                        // Its answer, masked by zeros.
                        await socket.SendAsync(new byte[] { 0x88, 0x82, 0, 0, 0, 0, buffer[2], buffer[3] }, stopping);
                        return (code, at);
                    }

                    buffer.AsSpan(size, length - size).CopyTo(buffer);
                    length -= size;
                }
            }
        }
        catch (SocketException)
        {
            return (0, 0);
        }
    }

    /// <param name="Code">0: without a close frame.</param>
    /// <param name="Sent">When the kernel got its close frame, in nanoseconds since 1970.</param>
    /// <param name="Seen">When this process had read it.</param>
    internal readonly record struct End(int Code, long Sent, long Seen);

    /// <summary>How connections ended during one phase.</summary>
    /// <param name="Codes">How many by close code; 0: without a close frame.</param>
    /// <param name="Sent">Most closes that came within any one second, by the kernel's clock.</param>
    /// <param name="Seen">The same as this process saw them.</param>
    /// <param name="Reopened">Most connections that were open again within any one second.</param>
    /// <param name="Lateness">Longest from a close frame's arrival until this process had read it.</param>
    /// <param name="Refusals">Connects that were refused or not answered, and tried again, by how.</param>
    internal sealed record Summary(
        IReadOnlyDictionary<int, int> Codes,
        int Sent,
        int Seen,
        int Reopened,
        TimeSpan Lateness,
        IReadOnlyDictionary<string, int> Refusals
    )
    {
        public int Unannounced => Codes.GetValueOrDefault(0);

        public int Refused => Refusals.Values.Sum();

        public int Total => Codes.Values.Sum();

        internal static Summary Of(List<End> ends, List<long> opened, IReadOnlyDictionary<string, int> refused) =>
            new(
                ends.GroupBy(static end => end.Code).ToDictionary(static group => group.Key, static group => group.Count()),
                MostInASecond(ends.Select(static end => end.Sent)),
                MostInASecond(ends.Select(static end => end.Seen)),
                MostInASecond(opened),
                TimeSpan.FromMicroseconds(ends.Select(static end => (end.Seen - end.Sent) / 1000).DefaultIfEmpty().Max()),
                refused
            );

        /// <summary>Over every second that begins with one of them, not the clock's.</summary>
        private static int MostInASecond(IEnumerable<long> nanoseconds)
        {
            var times = nanoseconds.Order().ToList();
            var most = 0;
            for (var (first, last) = (0, 0); last < times.Count; last++)
            {
                while (times[last] - times[first] >= 1_000_000_000)
                {
                    first++;
                }

                most = Math.Max(most, last - first + 1);
            }

            return most;
        }

        public override string ToString() =>
            $"closed {Total}, unannounced {Unannounced}, codes {string.Join(" ", Codes.Select(static pair => $"{pair.Key}:{pair.Value}"))}, "
            + $"peak sent {Sent}/s, seen {Seen}/s, open again {Reopened}/s, seen at most {Lateness.TotalMilliseconds:f0} ms late, "
            + $"refused {Refused}{string.Concat(Refusals.Select(static pair => $" ({pair.Value} × {pair.Key})"))}";
    }
}
