using System.Text.Json;
using Mooring.Contracts;
using Mooring.Contracts.Stream;

namespace Mooring.Operator.Gateways;

/// <summary>Reads what gateways send and writes what they are sent. Pure.</summary>
internal static class StreamCodec
{
    private const int MaxFleet = 253 + 1 + 63;
    private const int MaxName = 253;
    private const int MaxText = 1024;
    private const int MaxErrors = 64;
    private const int MaxListeners = 64;
    private const int MaxBackends = 64;
    private const int MaxEndpoints = 10_000;
    private const int MaxEntries = 256;
    private const int MaxCountries = 677;
    private const int MaxCountry = 7;
    private const int MaxBuckets = 64;
    private const int MaxTuningItems = 80;
    private const int MaxTunnels = 1000;
    private const int MaxTenants = 10_000;

    /// <summary>The message's bytes.</summary>
    /// <exception cref="ArgumentException">Longer than <see cref="StreamLimits.MaxMessageBytes"/>.</exception>
    public static ReadOnlyMemory<byte> Encode(OperatorMessage message)
    {
        var bytes = JsonSerializer.SerializeToUtf8Bytes(message, ContractsJson.Default.OperatorMessage);
        return bytes.Length <= StreamLimits.MaxMessageBytes
            ? bytes
            : throw new ArgumentException(
                $"a message of {bytes.Length} bytes; a stream takes {StreamLimits.MaxMessageBytes}",
                nameof(message)
            );
    }

    /// <summary>Reads one message; null for a kind that this version does not know.</summary>
    /// <exception cref="JsonException">Not JSON, or a member of the wrong form; the message has its path.</exception>
    public static GatewayMessage? Decode(ReadOnlySpan<byte> json)
    {
        if (Kind(json) is not ("hello" or "ack" or "report" or "tuningReport" or "answer"))
        {
            return null;
        }

        var message = JsonSerializer.Deserialize(json, ContractsJson.Default.GatewayMessage) ?? throw new JsonException("$: null");
        switch (message)
        {
            case HelloMessage hello:
                CheckHello(hello);
                break;
            case AckMessage ack:
                Text(ack.Hash, MaxText, "hash");
                List(ack.Errors, MaxErrors, "errors", static (error, path) => Text(error, MaxText, path));
                break;
            case ReportMessage report:
                CheckReport(report);
                break;
            case TuningReport tuning:
                CheckTuning(tuning);
                break;
            case AnswerMessage answer:
                CheckAnswer(answer);
                break;
        }

        return message;
    }

    /// <summary>Value of the top-level <c>type</c>; null without one.</summary>
    private static string? Kind(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json);
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw new JsonException("$: not an object");
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var found = reader.ValueTextEquals("type"u8);
            reader.Read();
            if (found)
            {
                return reader.TokenType == JsonTokenType.String ? reader.GetString() : throw new JsonException("$.type: not a text");
            }

            reader.Skip();
        }

        throw new JsonException("$.type: missing");
    }

    private static void CheckHello(HelloMessage hello)
    {
        Text(hello.Fleet, MaxFleet, "fleet");
        if (hello.Fleet.Split('/') is not [{ Length: > 0 }, { Length: > 0 }])
        {
            throw new JsonException("$.fleet: not namespace/name");
        }

        Text(hello.Gateway, MaxName, "gateway");
        if (hello.Gateway.Length == 0)
        {
            throw new JsonException("$.gateway: empty");
        }

        Text(hello.Version, MaxText, "version");
        if (hello.Limits is not null)
        {
            Map(hello.Limits.Sysctls, "limits.sysctls");
            foreach (var (key, value) in hello.Limits.Sysctls)
            {
                Text(key, MaxText, "limits.sysctls");
                Text(value, MaxText, $"limits.sysctls.{key}");
            }
        }
    }

    private static void CheckTuning(TuningReport report)
    {
        Text(report.Hash, MaxText, "hash");
        Text(report.Node, MaxName, "node");
        Text(report.Kernel, MaxName, "kernel");
        List(
            report.Items,
            MaxTuningItems,
            "items",
            static (item, path) =>
            {
                Text(item.Name, MaxName, $"{path}.name");
                Text(item.Wanted, MaxText, $"{path}.wanted");
                Text(item.Actual, MaxText, $"{path}.actual");
                Text(item.Reason, MaxText, $"{path}.reason");
            }
        );
    }

    private static void CheckAnswer(AnswerMessage answer)
    {
        Text(answer.Problem ?? "", MaxText, "problem");
        Text(answer.Metrics ?? "", AnswerMessage.MaxMetrics, "metrics");
        List(
            answer.SlowConsumers ?? [],
            AnswerMessage.MaxSlowConsumers,
            "slowConsumers",
            static (slow, path) =>
            {
                Text(slow.Listener, MaxName, $"{path}.listener");
                Text(slow.Client, MaxText, $"{path}.client");
                Text(slow.User, MaxText, $"{path}.user");
                NotNegative(slow.Frames, $"{path}.frames");
                NotNegative(slow.Bytes, $"{path}.bytes");
                Finite(slow.AgeSeconds, $"{path}.ageSeconds");
            }
        );
    }

    private static void CheckReport(ReportMessage report)
    {
        NotNegative(report.Connections, "connections");
        NotNegative(report.Capacity, "capacity");
        NotNegative(report.ResidentBytes, "residentBytes");
        Finite(report.CpuSeconds, "cpuSeconds");
        CheckTunnels(report.Tunnels);
        Text(report.Registry?.Problem ?? "", MaxText, "registry.problem");
        NotNegative(report.Registry?.FleetShare ?? 0, "registry.fleetShare");
        // A problem may name a long path: the message's own bound is theirs.
        List(report.Problems, MaxErrors, "problems", static (problem, path) => Text(problem, StreamLimits.MaxMessageBytes, path));
        if (!(report.ClosesPerSecond is >= 0 and <= 1_000_000))
        {
            throw new JsonException("$.closesPerSecond: not 0 to 1000000");
        }

        List(
            report.Listeners,
            MaxListeners,
            "listeners",
            static (listener, path) =>
            {
                Text(listener.Name, MaxName, $"{path}.name");
                NotNegative(listener.Connections, $"{path}.connections");
                NotNegative(listener.AcceptedTotal, $"{path}.acceptedTotal");
                NotNegative(listener.ReceivedBytesTotal, $"{path}.receivedBytesTotal");
                NotNegative(listener.SentBytesTotal, $"{path}.sentBytesTotal");
                NotNegative(listener.MessagesTotal, $"{path}.messagesTotal");
                Map(listener.RefusedTotal, $"{path}.refusedTotal");
                foreach (var (reason, count) in listener.RefusedTotal)
                {
                    Text(reason, MaxName, $"{path}.refusedTotal");
                    NotNegative(count, $"{path}.refusedTotal.{reason}");
                }

                CheckTraffic(listener.Traffic, $"{path}.traffic");
            }
        );
        List(
            report.Countries,
            MaxCountries,
            "countries",
            static (country, path) =>
            {
                Text(country.Country, MaxCountry, $"{path}.country");
                NotNegative(country.Connections, $"{path}.connections");
                NotNegative(country.AcceptedTotal, $"{path}.acceptedTotal");
                NotNegative(country.ReceivedBytesTotal, $"{path}.receivedBytesTotal");
                NotNegative(country.SentBytesTotal, $"{path}.sentBytesTotal");
            }
        );
        List(
            report.Backends,
            MaxBackends,
            "backends",
            static (backend, path) =>
            {
                Text(backend.Name, MaxName, $"{path}.name");
                NotNegative(backend.ReceivedBytesTotal, $"{path}.receivedBytesTotal");
                NotNegative(backend.SentBytesTotal, $"{path}.sentBytesTotal");
                CheckTraffic(backend.Traffic, $"{path}.traffic");
                List(
                    backend.Endpoints,
                    MaxEndpoints,
                    $"{path}.endpoints",
                    static (endpoint, path) =>
                    {
                        Text(endpoint.Id, MaxName, $"{path}.id");
                        NotNegative(endpoint.Connections, $"{path}.connections");
                        NotNegative(endpoint.ConnectsTotal, $"{path}.connectsTotal");
                        NotNegative(endpoint.FailuresTotal, $"{path}.failuresTotal");
                    }
                );
            }
        );
    }

    private static void CheckTunnels(TunnelsLoad? tunnels)
    {
        if (tunnels is null)
        {
            return;
        }

        NotNegative(tunnels.Open, "tunnels.open");
        NotNegative(tunnels.Capacity, "tunnels.capacity");
        NotNegative(tunnels.OpenedTotal, "tunnels.openedTotal");
        Map(tunnels.States, "tunnels.states");
        foreach (var (state, count) in tunnels.States)
        {
            NotNegative(count, $"tunnels.states.{state}");
        }

        Map(tunnels.EndedTotal, "tunnels.endedTotal");
        foreach (var (state, count) in tunnels.EndedTotal)
        {
            NotNegative(count, $"tunnels.endedTotal.{state}");
        }

        Map(tunnels.RefusedTotal, "tunnels.refusedTotal");
        foreach (var (reason, count) in tunnels.RefusedTotal)
        {
            Text(reason, MaxName, "tunnels.refusedTotal");
            NotNegative(count, $"tunnels.refusedTotal.{reason}");
        }

        List(
            tunnels.Tenants,
            MaxTenants,
            "tunnels.tenants",
            static (tenant, path) =>
            {
                Text(tenant.Listener, MaxName, $"{path}.listener");
                Text(tenant.Tenant, MaxName, $"{path}.tenant");
                NotNegative(tenant.Tunnels, $"{path}.tunnels");
                NotNegative(tenant.Visitors, $"{path}.visitors");
            }
        );
        List(
            tunnels.Tunnels,
            MaxTunnels,
            "tunnels.tunnels",
            static (tunnel, path) =>
            {
                Text(tunnel.Name, MaxText, $"{path}.name");
                Text(tunnel.Listener, MaxName, $"{path}.listener");
                Text(tunnel.Tenant, MaxName, $"{path}.tenant");
                Text(tunnel.Client, MaxText, $"{path}.client");
                List(tunnel.Ports, MaxEntries, $"{path}.ports", static (port, path) => Text(port, MaxText, path));
                NotNegative(tunnel.Visitors, $"{path}.visitors");
                NotNegative(tunnel.VisitorsTotal, $"{path}.visitorsTotal");
                NotNegative(tunnel.ReceivedBytesTotal, $"{path}.receivedBytesTotal");
                NotNegative(tunnel.SentBytesTotal, $"{path}.sentBytesTotal");
                List(
                    tunnel.History,
                    MaxEntries,
                    $"{path}.history",
                    static (moment, path) => Text(moment.Reason, MaxText, $"{path}.reason")
                );
            }
        );
    }

    private static void CheckTraffic(TrafficLoad traffic, string path)
    {
        Finite(traffic.ConnectionsPerSecond, $"{path}.connectionsPerSecond");
        Finite(traffic.ReceivedBitsPerSecond, $"{path}.receivedBitsPerSecond");
        Finite(traffic.SentBitsPerSecond, $"{path}.sentBitsPerSecond");
        Map(traffic.ClosedTotal, $"{path}.closedTotal");
        foreach (var (reason, count) in traffic.ClosedTotal)
        {
            Text(reason, MaxName, $"{path}.closedTotal");
            NotNegative(count, $"{path}.closedTotal.{reason}");
        }

        CheckDurations(traffic.Connect, $"{path}.connect");
        CheckDurations(traffic.FirstByte, $"{path}.firstByte");
        CheckDurations(traffic.Session, $"{path}.session");
    }

    private static void CheckDurations(DurationLoad durations, string path)
    {
        Finite(durations.SumSeconds, $"{path}.sumSeconds");
        List(durations.Counts, MaxBuckets, $"{path}.counts", NotNegative);
    }

    private static void Text(string? text, int limit, string path)
    {
        if (text is null || text.Length > limit)
        {
            throw new JsonException($"$.{path}: {(text is null ? "null" : $"longer than {limit} characters")}");
        }
    }

    private static void NotNegative(long value, string path)
    {
        if (value < 0)
        {
            throw new JsonException($"$.{path}: negative");
        }
    }

    // JSON has no word for others: whoever is shown the figures would get none at all.
    private static void Finite(double value, string path)
    {
        if (!double.IsFinite(value))
        {
            throw new JsonException($"$.{path}: not a finite number");
        }
    }

    private static void Map<TKey, T>(IReadOnlyDictionary<TKey, T>? map, string path)
    {
        if (map is null || map.Count > MaxEntries)
        {
            throw new JsonException($"$.{path}: {(map is null ? "null" : $"more than {MaxEntries} entries")}");
        }
    }

    private static void List<T>(IReadOnlyList<T>? list, int limit, string path, Action<T, string> check)
    {
        if (list is null || list.Count > limit)
        {
            throw new JsonException($"$.{path}: {(list is null ? "null" : $"more than {limit} items")}");
        }

        for (var i = 0; i < list.Count; i++)
        {
            if (list[i] is null)
            {
                throw new JsonException($"$.{path}[{i}]: null");
            }

            check(list[i], $"{path}[{i}]");
        }
    }
}
