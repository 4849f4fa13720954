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
    public bool IsWrite => Verb is not ("get" or "list" or "watch");

    public override string ToString() =>
        $"{At:HH:mm:ss.fff} {User} {Verb} {Namespace}/{Resource}/{Name}{(Subresource.Length > 0 ? "/" + Subresource : "")} {Code}";
}

/// <summary>The API server's own account of every request: what "makes no write" is counted by.</summary>
internal sealed class AuditLog(string file)
{
    /// <summary>Written before each request's answer is, so it is complete at any time. Metadata is enough, and keeps Secrets out.</summary>
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

    /// <summary>Position to count from.</summary>
    public long Mark() => File.Exists(file) ? new FileInfo(file).Length : 0;

    public async Task<IReadOnlyList<AuditedRequest>> SinceAsync(long mark)
    {
        if (!File.Exists(file))
        {
            return [];
        }

        await using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        stream.Position = mark;
        using var reader = new StreamReader(stream);
        var requests = new List<AuditedRequest>();
        while (await reader.ReadLineAsync() is { Length: > 0 } line)
        {
            var entry = JsonNode.Parse(line)!;
            var target = entry["objectRef"];
            requests.Add(
                new AuditedRequest(
                    (string)entry["verb"]!,
                    (string?)entry["user"]?["username"] ?? "",
                    (string?)target?["resource"] ?? "",
                    (string?)target?["subresource"] ?? "",
                    (string?)target?["namespace"] ?? "",
                    (string?)target?["name"] ?? "",
                    (int?)entry["responseStatus"]?["code"] ?? 0,
                    (DateTimeOffset)entry["requestReceivedTimestamp"]!
                )
            );
        }

        return requests;
    }
}
