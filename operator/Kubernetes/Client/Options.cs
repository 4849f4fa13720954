namespace Mooring.Kubernetes.Client;

/// <summary>What to list.</summary>
public sealed record ListOptions
{
    /// <summary>For example <c>app=web,tier in (a,b)</c>. Null: everything.</summary>
    public string? LabelSelector { get; init; }

    /// <summary>For example <c>metadata.name=web</c>. Null: everything.</summary>
    public string? FieldSelector { get; init; }

    /// <summary>Objects a page. Default 500, as kubectl asks for; 0 asks for all at once.</summary>
    public int Limit { get; init; } = 500;

    /// <summary>Token of the next page; null starts at the first.</summary>
    public string? Continue { get; init; }

    /// <summary>Null: the newest. <c>0</c>: whatever the server has in memory, which may be old.</summary>
    public string? ResourceVersion { get; init; }
}

/// <summary>What to watch, and from where.</summary>
public sealed record WatchOptions
{
    public string? LabelSelector { get; init; }

    public string? FieldSelector { get; init; }

    /// <summary>Events after this version. Null: starts with an Added event for everything that is there.</summary>
    public string? ResourceVersion { get; init; }

    /// <summary>After this long the server ends the watch. Default 5 min; informers spread it.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Called when the server has taken the watch: its first event may be a minute away. Null: nobody asks.</summary>
    public Action? Opened { get; init; }
}

/// <summary>How to create, replace or patch.</summary>
public record WriteOptions
{
    /// <summary>Name under which the fields are owned. Null: the client's own.</summary>
    public string? FieldManager { get; init; }

    /// <summary>The server checks and answers, but stores nothing.</summary>
    public bool DryRun { get; init; }

    /// <summary><c>Ignore</c>, <c>Warn</c> or <c>Strict</c> for unknown and duplicate fields. Null: the server's default, <c>Warn</c>.</summary>
    public string? FieldValidation { get; init; }

    /// <summary>A part of the object with an address of its own, such as <c>status</c> or <c>scale</c>. Null: the object.</summary>
    public string? Subresource { get; init; }
}

/// <summary>How to apply.</summary>
public sealed record ApplyOptions : WriteOptions
{
    /// <summary>Takes over fields that other managers own, instead of failing with a conflict.</summary>
    public bool Force { get; init; }
}

/// <summary>How to delete.</summary>
public sealed record DeleteOptions
{
    /// <summary>What happens to the objects that this one owns. Null: the resource's default (background for all current kinds).</summary>
    public PropagationPolicy? Propagation { get; init; }

    /// <summary>Fails with a conflict unless the object still has this UID.</summary>
    public string? Uid { get; init; }

    /// <summary>Fails with a conflict unless the object still has this version.</summary>
    public string? ResourceVersion { get; init; }

    /// <summary>In seconds. Null: the object's own; 0: at once.</summary>
    public long? GracePeriodSeconds { get; init; }

    public bool DryRun { get; init; }
}

/// <summary>What a delete does to the objects that are owned.</summary>
public enum PropagationPolicy
{
    /// <summary>The owner goes at once, the garbage collector removes the rest.</summary>
    Background,

    /// <summary>The owner stays until those that block it are gone.</summary>
    Foreground,

    /// <summary>They stay.</summary>
    Orphan,
}
