using System.Text.Json.Nodes;

namespace Mooring.Api.Tests.Cluster;

/// <summary>One finished request, as the API server saw it.</summary>
internal sealed record AuditedRequest(
    string Verb,
    string User,
    string Resource,
    string Subresource,
    string Namespace,
    string Name,
    int Code,
    DateTimeOffset At
)
{
    /// <summary>API group; empty: the core's.</summary>
    public string Group { get; init; } = "";

    public bool IsWrite => Verb is not ("get" or "list" or "watch");

    public override string ToString() =>
        $"{At:HH:mm:ss.fff} {User} {Verb} {Namespace}/{Resource}/{Name}{(Subresource.Length > 0 ? "/" + Subresource : "")} {Code}";
}

/// <summary>The API server's own account of every request: what "makes no write" is counted by.</summary>
internal sealed class AuditLog(string file)
{
    /// <summary>Metadata is enough, and keeps Secrets out.</summary>
    public const string Policy = """
        apiVersion: audit.k8s.io/v1
        kind: Policy
        omitStages: [RequestReceived]
        omitManagedFields: true
        rules:
        - level: None
          users: ["system:apiserver", "system:kube-controller-manager"]
        - level: None
          userGroups: ["system:serviceaccounts:kube-system"]
        - level: None
          nonResourceURLs: ["/*"]
        - level: Metadata
        """;

    /// <summary>Position to count from: where the log ends now.</summary>
    public long Mark() => File.Exists(file) ? new FileInfo(file).Length : 0;

    /// <summary>Waits until a request is in the log: its line may come a moment after its answer.</summary>
    public async Task<IReadOnlyList<AuditedRequest>> SinceAsync(long mark, Func<AuditedRequest, bool> awaited)
    {
        IReadOnlyList<AuditedRequest> requests = [];
        await Eventually.HoldsAsync(
            async () =>
            {
                requests = await SinceAsync(mark);
                return requests.Any(awaited) ? null : $"not in the log:\n{string.Join('\n', requests)}";
            },
            TimeSpan.FromMinutes(3)
        );
        return requests;
    }

    /// <summary>What was finished since the mark, in the order of its coming.</summary>
    public async Task<IReadOnlyList<AuditedRequest>> SinceAsync(long mark)
    {
        if (!File.Exists(file))
        {
            return [];
        }

        await using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        // Whole lines only: one may have been cut by the mark, and the last one may still be being written.
        stream.Position = Math.Max(0, mark - 1);
        using var reader = new StreamReader(stream);
        var text = await reader.ReadToEndAsync();
        var start = mark == 0 ? 0 : text.IndexOf('\n') + 1;
        var end = text.LastIndexOf('\n') + 1;
        var lines = end <= start ? [] : text[start..end].Split('\n', StringSplitOptions.RemoveEmptyEntries);
        return [.. lines.Select(Parse).OrderBy(request => request.At)];
    }

    private static AuditedRequest Parse(string line)
    {
        var entry = JsonNode.Parse(line)!;
        var target = entry["objectRef"];
        return new AuditedRequest(
            (string)entry["verb"]!,
            (string?)entry["user"]?["username"] ?? "",
            (string?)target?["resource"] ?? "",
            (string?)target?["subresource"] ?? "",
            (string?)target?["namespace"] ?? "",
            (string?)target?["name"] ?? "",
            (int?)entry["responseStatus"]?["code"] ?? 0,
            (DateTimeOffset)entry["requestReceivedTimestamp"]!
        )
        {
            Group = (string?)target?["apiGroup"] ?? "",
        };
    }
}
