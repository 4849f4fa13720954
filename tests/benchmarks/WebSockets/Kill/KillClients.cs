using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;
using Mooring.Benchmarks.Load;
using Mooring.Benchmarks.Sockets;
using Mooring.Benchmarks.WebSockets.FanOut;

namespace Mooring.Benchmarks.WebSockets.Kill;

/// <summary>Hub clients that are each in a channel of their own, and come back to another gateway as centrifuge-js does, with where they were; and a publisher.</summary>
/// <remarks>
/// The publications of a channel are numbered from 1 on, which are their offsets too: each client must get each number once, in order, pushed or recovered.
/// Used by one thread, but for <see cref="Live"/> and <see cref="Kill"/>.
/// </remarks>
internal sealed class KillClients : IDisposable
{
    private const uint Interest = Libc.EPOLLIN | Libc.EPOLLRDHUP | Libc.EPOLLOUT | Libc.EPOLLET;
    private const int MaxUnderWay = 256;
    private const int SourceAddresses = 8;

    private readonly IPEndPoint[] _targets;
    private readonly Client[] _clients;
    private readonly Poller _poller = new();
    private readonly int[] _owners = new int[65_536];
    private readonly byte[] _buffer = new byte[64 * 1024];
    private readonly PriorityQueue<int, long> _waiting = new();
    private readonly Random _random = new(5);
    private readonly List<long>[] _answered;
    private readonly int _perSecond;
    private int _underWay;
    private int _started;
    private int _live;
    private long _published;
    private long _acknowledged;
    private volatile bool _killed;
    private volatile bool _stopPublishing;

    /// <param name="targets">Gateways. The first is where all connect first, the last has the publisher.</param>
    /// <param name="clients">So many.</param>
    /// <param name="publicationsPerSecond">To random ones of them.</param>
    public KillClients(IReadOnlyList<string> targets, int clients, int publicationsPerSecond)
    {
        _targets = [.. targets.Select(IPEndPoint.Parse)];
        // The last is the publisher.
        _clients = [.. Enumerable.Range(0, clients + 1).Select(_ => new Client())];
        _answered = [.. targets.Select(_ => new List<long>())];
        _perSecond = publicationsPerSecond;
    }

    private enum Stage : byte
    {
        None,
        Connecting,
        Upgrading,
        Greeting,
        Live,
    }

    /// <summary>Clients whose subscription stands.</summary>
    public int Live => Volatile.Read(ref _live);

    /// <summary>Connects that were put off: refused, or told to come again.</summary>
    public long PutOff { get; private set; }

    public long Recovered { get; private set; }

    /// <summary>Clients that were told that what they missed cannot be had.</summary>
    public long NotRecovered { get; private set; }

    public long Acknowledged => _acknowledged;

    /// <summary>Publications that were acknowledged and not received. Once the run is over.</summary>
    public long Lost => _clients.Take(Publisher).Sum(client => client.Published - client.Received);

    private int Publisher => _clients.Length - 1;

    /// <summary>From here on nobody goes to the first gateway: whoever sends clients to gateways has noticed.</summary>
    public void Kill() => _killed = true;

    public void StopPublishing() => _stopPublishing = true;

    /// <summary>The most connects that a gateway answered within a second. Once the run is over.</summary>
    public int MostPerSecond(int gateway) => CloseWatch.MostWithin(_answered[gateway], Stopwatch.Frequency);

    /// <summary>Runs until it is told to stop.</summary>
    /// <exception cref="LoadFailedException">A publication is missing, doubled or out of order, or a publish was refused.</exception>
    public void Run(CancellationToken stop)
    {
        Connect(Publisher);
        var due = Stopwatch.GetTimestamp();
        while (!stop.IsCancellationRequested)
        {
            var now = Stopwatch.GetTimestamp();
            while (_underWay < MaxUnderWay && _waiting.TryPeek(out var index, out var at) && at <= now)
            {
                _waiting.Dequeue();
                Connect(index);
            }

            while (_started < Publisher && _underWay < MaxUnderWay)
            {
                Connect(_started++);
            }

            if (_clients[Publisher].Stage == Stage.Live && _started == Publisher && now >= due && !_stopPublishing)
            {
                due = now + (Stopwatch.Frequency / _perSecond);
                Publish();
            }

            for (int at = 0, ready = _poller.Wait(1); at < ready; at++)
            {
                OnEvent(_poller.Descriptor(at), _poller.Events(at));
            }
        }
    }

    public void Dispose()
    {
        foreach (var client in _clients.Where(client => client.Descriptor >= 0))
        {
            _ = Libc.Close(client.Descriptor);
        }

        _poller.Dispose();
    }

    private void Connect(int index)
    {
        var client = _clients[index];
        client.Target =
            index == Publisher ? _targets.Length - 1
            : _killed ? 1 + _random.Next(_targets.Length - 1)
            : 0;
        client.Descriptor = TcpSocket.Connect(new IPAddress([127, 0, 4, (byte)(1 + (index % SourceAddresses))]), _targets[client.Target]);
        client.Stage = Stage.Connecting;
        client.Rest = [];
        _owners[client.Descriptor] = index;
        _underWay++;
        _poller.Add(client.Descriptor, Interest);
    }

    private void OnEvent(int descriptor, uint events)
    {
        var index = _owners[descriptor];
        var client = _clients[index];
        if (client.Descriptor != descriptor)
        {
            return;
        }

        if (client.Stage == Stage.Connecting)
        {
            if (TcpSocket.TakeError(descriptor) != 0)
            {
                Drop(index);
                return;
            }

            client.Stage = Stage.Upgrading;
            Send(index, WebSocketFrames.Upgrade(_targets[client.Target].ToString()));
        }

        if ((events & ~Libc.EPOLLOUT) != 0)
        {
            Receive(index, client, descriptor);
        }
    }

    private unsafe void Receive(int index, Client client, int descriptor)
    {
        while (client.Descriptor == descriptor)
        {
            nint count;
            fixed (byte* bytes = _buffer)
            {
                count = Libc.Recv(descriptor, bytes, _buffer.Length, 0);
            }

            if (count <= 0)
            {
                if (count == 0 || Libc.Errno != Libc.EAGAIN)
                {
                    Drop(index);
                }

                return;
            }

            byte[] all = [.. client.Rest, .. _buffer.AsSpan(0, (int)count)];
            client.Rest = [];
            Take(index, client, all);
        }
    }

    private void Take(int index, Client client, byte[] bytes)
    {
        ReadOnlySpan<byte> left = bytes;
        if (client.Stage == Stage.Upgrading)
        {
            var end = left.IndexOf("\r\n\r\n"u8);
            if (end < 0)
            {
                client.Rest = bytes;
                return;
            }

            if (!WebSocketFrames.IsSwitch(Encoding.ASCII.GetString(left[..end])))
            {
                Drop(index);
                return;
            }

            left = left[(end + 4)..];
            client.Stage = Stage.Greeting;
            Say(index, Hello(index, client));
        }

        while (client.Descriptor >= 0 && WebSocketFrames.TryRead(ref left, out var first, out var payload))
        {
            if (first == WebSocketFrames.Close)
            {
                Drop(index);
                return;
            }

            foreach (var line in payload.Split((byte)'\n'))
            {
                if (client.Descriptor >= 0)
                {
                    OnMessage(index, client, payload[line]);
                }
            }
        }

        client.Rest = client.Descriptor >= 0 ? left.ToArray() : [];
    }

    private string Hello(int index, Client client)
    {
        const string Connecting = """{"id":1,"connect":{}}""";
        if (index == Publisher)
        {
            return Connecting;
        }

        var where = client.Epoch is null
            ? ""
            : string.Create(CultureInfo.InvariantCulture, $",\"recover\":true,\"epoch\":\"{client.Epoch}\",\"offset\":{client.Received}");
        return Connecting + $"\n{{\"id\":2,\"subscribe\":{{\"channel\":\"own:{index}\",\"recoverable\":true{where}}}}}";
    }

    private void OnMessage(int index, Client client, ReadOnlySpan<byte> json)
    {
        if (json.SequenceEqual("{}"u8))
        {
            Say(index, "{}");
            return;
        }

        if (client.Stage == Stage.Greeting)
        {
            if (json.IndexOf("\"error\""u8) >= 0)
            {
                Drop(index);
                return;
            }

            if (json.StartsWith("{\"id\":1,"u8) && index != Publisher)
            {
                return;
            }

            Greeted(index, client, json);
        }
        else if (index == Publisher)
        {
            _acknowledged +=
                json.IndexOf("\"publish\""u8) >= 0
                    ? 1
                    : throw new LoadFailedException($"a publish was answered by {Encoding.UTF8.GetString(json)}");
            return;
        }

        while (FanOutFrames.TryNext(ref json, out var number))
        {
            if (number != client.Received + 1)
            {
                throw new LoadFailedException($"client {index} got publication {number} after {client.Received}");
            }

            client.Received = number;
        }
    }

    private void Greeted(int index, Client client, ReadOnlySpan<byte> json)
    {
        client.Stage = Stage.Live;
        client.Attempts = 0;
        _underWay--;
        if (index == Publisher)
        {
            return;
        }

        Volatile.Write(ref _live, _live + 1);
        _answered[client.Target].Add(Stopwatch.GetTimestamp());
        if (client.Epoch is not null)
        {
            var recovered = json.IndexOf("\"recovered\":true"u8) >= 0;
            Recovered += recovered ? 1 : 0;
            NotRecovered += recovered ? 0 : 1;
        }

        var at = json.IndexOf("\"epoch\":\""u8);
        var epoch =
            at < 0 ? throw new LoadFailedException($"client {index} has no position: {Encoding.UTF8.GetString(json)}") : json[(at + 9)..];
        client.Epoch = Encoding.ASCII.GetString(epoch[..epoch.IndexOf((byte)'"')]);
    }

    private void Publish()
    {
        var index = _random.Next(Publisher);
        var client = _clients[index];
        if (client.Epoch is null)
        {
            // Before its first subscription there is nothing to recover from.
            return;
        }

        client.Published++;
        _published++;
        Say(
            Publisher,
            string.Create(
                CultureInfo.InvariantCulture,
                $"{{\"id\":{_published + 1},\"publish\":{{\"channel\":\"own:{index}\",\"data\":\"M{client.Published:D10}\"}}}}"
            )
        );
    }

    private void Say(int index, string text)
    {
        var payload = Encoding.UTF8.GetBytes(text);
        var frame = new byte[WebSocketFrames.MaxHead + payload.Length];
        Send(index, frame.AsSpan(0, WebSocketFrames.Write(frame, WebSocketFrames.Text, payload, 0x51c3_7a2e)));
    }

    private unsafe void Send(int index, ReadOnlySpan<byte> bytes)
    {
        fixed (byte* first = bytes)
        {
            if (Libc.Send(_clients[index].Descriptor, first, bytes.Length, Libc.MSG_NOSIGNAL) != bytes.Length)
            {
                Drop(index);
            }
        }
    }

    private void Drop(int index)
    {
        var client = _clients[index];
        if (index == Publisher)
        {
            throw new LoadFailedException("the publisher's connection has ended");
        }

        if (client.Stage == Stage.Live)
        {
            Volatile.Write(ref _live, _live - 1);
        }
        else
        {
            _underWay--;
            PutOff++;
        }

        _ = Libc.Close(client.Descriptor);
        (client.Descriptor, client.Stage, client.Rest) = (-1, Stage.None, []);
        // As centrifuge-js: min(20 s, 0.5 s + rand(0 … min(20 s, 0.5 s × 2^attempt))).
        var seconds = Math.Min(20, 0.5 + (_random.NextDouble() * Math.Min(20, 0.5 * Math.Pow(2, client.Attempts++))));
        _waiting.Enqueue(index, Stopwatch.GetTimestamp() + (long)(seconds * Stopwatch.Frequency));
    }

    private sealed class Client
    {
        public int Descriptor { get; set; } = -1;

        public Stage Stage { get; set; }

        public int Target { get; set; }

        public int Attempts { get; set; }

        public byte[] Rest { get; set; } = [];

        /// <summary>Null before its first subscription.</summary>
        public string? Epoch { get; set; }

        public long Published { get; set; }

        public long Received { get; set; }
    }
}
