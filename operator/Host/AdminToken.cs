using System.Security.Cryptography;

namespace Mooring.Operator.Host;

/// <summary>The token of the admin API on this machine: a file that only its owner reads.</summary>
internal static class AdminToken
{
    /// <summary>Name of the file in the state directory.</summary>
    public const string FileName = "admin-token";

    private const int MinLength = 16;
    private const int MaxLength = 4096;
    private const UnixFileMode Owner = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Reads the token, or makes one where there is no file.</summary>
    /// <exception cref="IOException">The file is no good; says why.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read or made.</exception>
    public static async Task<string> EnsureAsync(string path, CancellationToken cancellation)
    {
        if (!File.Exists(path))
        {
            var made = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));
            // With its mode from the start: a file that was open to others for a moment may have been opened by them.
            await using var file = new FileStream(
                path,
                new FileStreamOptions
                {
                    Mode = FileMode.CreateNew,
                    Access = FileAccess.Write,
                    UnixCreateMode = Owner,
                }
            );
            await using var writer = new StreamWriter(file);
            await writer.WriteLineAsync(made.AsMemory(), cancellation);
            return made;
        }

        if ((File.GetUnixFileMode(path) & ~(Owner | UnixFileMode.UserExecute)) != UnixFileMode.None)
        {
            throw new IOException($"{path}: others may read it; chmod 600 it");
        }

        if (new FileInfo(path).Length > MaxLength)
        {
            throw new IOException($"{path}: longer than {MaxLength} bytes");
        }

        var token = (await File.ReadAllTextAsync(path, cancellation)).Trim();
        return token.Length >= MinLength && !token.Any(char.IsWhiteSpace)
            ? token
            : throw new IOException($"{path}: a token has at least {MinLength} characters and no white space");
    }
}
