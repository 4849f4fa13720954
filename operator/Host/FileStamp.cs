namespace Mooring.Operator.Host;

/// <summary>What tells that a file is another than before, without reading it.</summary>
/// <param name="Written">When it was written last.</param>
/// <param name="Length">In bytes; -1: it is away.</param>
internal readonly record struct FileStamp(DateTime Written, long Length)
{
    /// <summary>Of a file as it is now.</summary>
    public static FileStamp Of(string path)
    {
        try
        {
            // Follows links, as ConfigMap volumes and configuration managers make them.
            var file = new FileInfo(path);
            file = file.ResolveLinkTarget(returnFinalTarget: true) as FileInfo ?? file;
            return new FileStamp(file.LastWriteTimeUtc, file.Length);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // An editor has it away for a moment, or its folder is nobody's to read.
            return new FileStamp(default, -1);
        }
    }
}
