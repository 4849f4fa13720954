using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Hub.Authentication;
using Mooring.Gateway.Hub.Delivery;
using Mooring.Gateway.Hub.Options;
using Mooring.Gateway.Hub.Protocol;
using Mooring.Gateway.Hub.Sessions;
using Mooring.Gateway.WebSockets;
using Mooring.Gateway.WebSockets.Framing;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Hub;

/// <summary>A Hub without sockets: a node with one loop, a clock that stands still, and clients whose frames are read back.</summary>
internal sealed class HubHarness : IHubTransport, IAsyncDisposable
{
    private const string Secret = "sixteen bytes and more";
    private readonly Dictionary<HubSession, long> _wakes = [];
    private readonly Dictionary<HubSession, byte[]> _parts = [];
    private int _descriptors;

    public HubHarness(HubConfig? config = null, Func<ManualTime, IHubBroker>? broker = null, JwksCache? fetched = null)
    {
        var options = new HubOptions(config ?? Config(), new OriginList([]));
        Broker = broker?.Invoke(Time) ?? new MemoryBroker(Time);
        Node = new HubNode("g/hub", Broker, options, Time)
        {
            Tokens = new TokenChecker(
                new JwtRules(null, null, TimeSpan.FromSeconds(5)),
                fetched is null ? [new HmacKey(Encoding.UTF8.GetBytes(Secret))] : [],
                fetched,
                Time
            ),
        };
        Loop = new HubLoop(Node, this);
        Node.Add(Loop);
    }

    public ManualTime Time { get; } = new();

    public IHubBroker Broker { get; }

    public HubNode Node { get; }

    public HubLoop Loop { get; }

    /// <summary>Sessions that take nothing: what is queued for them stays.</summary>
    public HashSet<HubSession> Stuck { get; } = [];

    /// <summary>Sessions whose clients are gone, as the next write to each finds out.</summary>
    public HashSet<HubSession> Dead { get; } = [];

    /// <summary>Bytes that the sockets of these still take; those of others take everything.</summary>
    public Dictionary<HubSession, int> Room { get; } = [];

    public Dictionary<HubSession, HubDisconnect> Closed { get; } = [];

    /// <summary>Who has no place left; null: nobody is asked.</summary>
    public Func<HubSession, Action<bool>, PlaceAnswer>? Places { get; set; }

    public long Now => Time.GetTimestamp() / TimeSpan.TicksPerMillisecond;

    private Dictionary<HubSession, List<JsonElement>> Frames { get; } = [];

    public static HubConfig Config(params HubNamespaceConfig[] more) =>
        new()
        {
            Anonymous = true,
            Namespaces =
            [
                new HubNamespaceConfig
                {
                    Name = "chat",
                    Subscribe = HubAudience.Everyone,
                    Publish = HubAudience.Everyone,
                    ReadHistory = HubAudience.Everyone,
                    History = new HubHistoryConfig { Size = 5, Ttl = TimeSpan.FromMinutes(5) },
                },
                new HubNamespaceConfig
                {
                    Name = "plain",
                    Subscribe = HubAudience.Everyone,
                    Publish = HubAudience.Everyone,
                },
                new HubNamespaceConfig
                {
                    Name = "private",
                    History = new HubHistoryConfig { Size = 5, Ttl = TimeSpan.FromMinutes(5) },
                },
                .. more,
            ],
        };

    public string Token(string user, int expiresIn = 600, string more = "")
    {
        var body = $"{Encode("{\"alg\":\"HS256\"}")}.{Encode($"{{\"sub\":\"{user}\",\"exp\":{Node.UnixSeconds + expiresIn}{more}}}")}";
        return $"{body}.{Encode(HMACSHA256.HashData(Encoding.UTF8.GetBytes(Secret), Encoding.ASCII.GetBytes(body)))}";
    }

    public HubSession Open() => Loop.Open(++_descriptors, HubCodec.Json);

    /// <summary>A client that is connected.</summary>
    public HubSession Connect(string? token = null)
    {
        var session = Open();
        Send(session, token is null ? """{"id":1,"connect":{}}""" : $$$"""{"id":1,"connect":{"token":"{{{token}}}"}}""");
        Read(session).Single().GetProperty("connect").GetProperty("client").GetString().ShouldNotBeEmpty();
        return session;
    }

    /// <summary>A client sends one message, and everything it brings about happens.</summary>
    public void Send(HubSession session, string message)
    {
        Loop.Receive(session, Encoding.UTF8.GetBytes(message));
        Settle();
    }

    /// <summary>Sends a command and returns its reply.</summary>
    public JsonElement Ask(HubSession session, string command)
    {
        var before = Read(session);
        Send(session, command);
        var id = JsonDocument.Parse(command).RootElement.GetProperty("id").GetInt32();
        var all = Read(session);
        Frames[session] = [.. before, .. all.Where(one => !IsReply(one, id))];
        return all.Single(one => IsReply(one, id));
    }

    public void Publish(string channel, string json)
    {
        var payload = PublicationParts.Encode(Encoding.UTF8.GetBytes(json), null, null, 0);
        Broker.PublishAsync(channel, payload, Node.Options.Find(channel)!.Publish).AsTask().IsCompletedSuccessfully.ShouldBeTrue();
        Settle();
    }

    /// <summary>Objects that came since the last look.</summary>
    public List<JsonElement> Read(HubSession session)
    {
        Settle();
        var read = Frames.GetValueOrDefault(session) ?? [];
        Frames.Remove(session);
        return read;
    }

    /// <summary>Moves the clock, in steps, and fires what is due.</summary>
    public void Advance(TimeSpan by)
    {
        var step = TimeSpan.FromMilliseconds(500);
        for (var passed = TimeSpan.Zero; passed < by; passed += step)
        {
            Time.Advance(step);
            foreach (var (session, at) in _wakes.ToList())
            {
                if (at <= Now && !session.IsClosed)
                {
                    _wakes.Remove(session);
                    Loop.OnTimer(session);
                }
            }

            Settle();
        }
    }

    public void Settle()
    {
        do
        {
            Loop.RunPosted();
            Loop.FlushAll();
        } while (Loop.HasPosted);
    }

    public void Flush(HubSession session)
    {
        if (Dead.Contains(session))
        {
            session.IsClosed.ShouldBeFalse("a socket is given up once; its number may be another's by now");
            Loop.Closed(session);
            session.Out.Release();
            return;
        }

        if (Stuck.Contains(session))
        {
            Loop.Blocked(session);
            return;
        }

        var part = _parts.GetValueOrDefault(session) ?? [];
        var count = Math.Min(session.Out.Bytes, Room.GetValueOrDefault(session, int.MaxValue));
        var bytes = new byte[part.Length + count];
        part.CopyTo(bytes, 0);
        session.Out.Take(bytes.AsSpan(part.Length), out _).ShouldBe((int)count);
        if (Room.ContainsKey(session))
        {
            Room[session] -= (int)count;
        }

        Span<byte> rest = bytes;
        while (FrameHeader.TryRead(rest, out var header) && header.Size + header.PayloadLength <= rest.Length)
        {
            var payload = rest.Slice(header.Size, (int)header.PayloadLength);
            rest = rest[(header.Size + payload.Length)..];
            if (!Frames.TryGetValue(session, out var list))
            {
                Frames[session] = list = [];
            }

            list.Add(JsonDocument.Parse(payload.ToArray()).RootElement.Clone());
        }

        _parts[session] = rest.ToArray();
        if (session.Out.Count > 0 && !session.IsClosed)
        {
            Loop.Blocked(session);
        }
        else
        {
            Loop.Unblocked(session);
        }
    }

    public void Close(HubSession session, HubDisconnect disconnect)
    {
        Closed[session] = disconnect;
        if (session.Out.Count > 0)
        {
            Flush(session);
        }
    }

    public void WakeAt(HubSession session, long time) => _wakes[session] = time;

    public PlaceAnswer TakePlace(HubSession session, Action<bool> answer) => Places?.Invoke(session, answer) ?? PlaceAnswer.Taken;

    public void Wake() { }

    public ValueTask DisposeAsync() => Node.DisposeAsync();

    private static bool IsReply(JsonElement one, int id) => one.TryGetProperty("id", out var own) && own.GetInt32() == id;

    private static string Encode(string text) => Encode(Encoding.UTF8.GetBytes(text));

    private static string Encode(byte[] bytes) => System.Buffers.Text.Base64Url.EncodeToString(bytes);
}
